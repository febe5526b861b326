package openaiapi

import (
	"cmp"
	"encoding/json"

	"github.com/dejahq/deja"
)

// messageObject is MessageObject of the public document.
type messageObject struct {
	ID                string            `json:"id"`
	Object            string            `json:"object"`
	CreatedAt         int64             `json:"created_at"`
	ThreadID          string            `json:"thread_id"`
	Status            string            `json:"status"`
	IncompleteDetails *incomplete       `json:"incomplete_details"`
	CompletedAt       *int64            `json:"completed_at"`
	IncompleteAt      *int64            `json:"incomplete_at"`
	Role              deja.Role         `json:"role"`
	Content           []contentObject   `json:"content"`
	AssistantID       *string           `json:"assistant_id"`
	RunID             *string           `json:"run_id"`
	Attachments       json.RawMessage   `json:"attachments"`
	Metadata          map[string]string `json:"metadata"`
}

type incomplete struct {
	Reason string `json:"reason"`
}

// contentObject is a text or an image of a message.
type contentObject struct {
	Type     string       `json:"type"`
	Text     *textObject  `json:"text,omitempty"`
	ImageURL *imageObject `json:"image_url,omitempty"`
}

type textObject struct {
	Value       string     `json:"value"`
	Annotations []struct{} `json:"annotations"` // deja makes none
}

type imageObject struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitempty"`
}

// The states of a message.
const (
	messageInProgress = "in_progress"
	messageIncomplete = "incomplete"
	messageCompleted  = "completed"
)

// showMessage shows a stored message: only whole ones are stored.
func showMessage(m *deja.Message) messageObject { return showMessageAs(m, messageCompleted) }

// showMessageAs shows a message of a stream, in the state that it has there.
func showMessageAs(m *deja.Message, status string) messageObject {
	o := messageObject{
		ID: m.ID, Object: "thread.message", CreatedAt: seconds(m.CreatedAt),
		ThreadID: m.ThreadID, Status: status, Role: m.Role,
		Content:     make([]contentObject, 0, len(m.Content)),
		AssistantID: orNull(m.AssistantID), RunID: orNull(m.RunID),
		Attachments: m.Attachments, Metadata: orEmpty(m.Metadata),
	}
	if len(o.Attachments) == 0 {
		o.Attachments = json.RawMessage("[]")
	}
	switch status {
	case messageCompleted:
		o.CompletedAt = new(o.CreatedAt)
	case messageIncomplete:
		o.IncompleteAt = new(o.CreatedAt)
	}
	for _, p := range m.Content {
		if p.Type == deja.PartImageURL {
			o.Content = append(o.Content, contentObject{Type: p.Type, ImageURL: &imageObject{URL: p.ImageURL, Detail: cmp.Or(p.Detail, "auto")}})
			continue
		}
		o.Content = append(o.Content, contentObject{Type: deja.PartText, Text: &textObject{Value: p.Text, Annotations: []struct{}{}}})
	}
	return o
}
