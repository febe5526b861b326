package deja

import (
	"encoding/json"
	"strings"
	"time"
)

// Thread is a conversation.
type Thread struct {
	ID            string            `json:"id"`
	Version       int64             `json:"version"`
	CreatedAt     time.Time         `json:"created_at"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	ToolResources json.RawMessage   `json:"tool_resources,omitempty"`

	// Seq is the sequence number of the last message that was appended, 0
	// when there is none. Stores keep it.
	Seq int64 `json:"seq"`

	// ActiveRun is the run that holds the thread, until ActiveUntil or its end,
	// whichever is first. Stores keep both.
	ActiveRun   string    `json:"active_run,omitempty"`
	ActiveUntil time.Time `json:"active_until,omitzero"`
}

// Busy says, as an error with CodeActiveRun, that a run holds the thread at
// now; nil when none does.
func (t *Thread) Busy(now time.Time) error {
	if t.ActiveRun == "" || !t.ActiveUntil.After(now) {
		return nil
	}
	return Errorf(CodeActiveRun, "Messages can't be added to %.64s while its run %.64s is active.", t.ID, t.ActiveRun)
}

// Role says who speaks.
type Role string

// The roles.
const (
	RoleSystem    Role = "system"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	RoleTool      Role = "tool"
)

// Message is one message of a thread.
type Message struct {
	ID          string            `json:"id"`
	ThreadID    string            `json:"thread_id"`
	Seq         int64             `json:"seq"` // position in the thread, from 1; stores set it
	CreatedAt   time.Time         `json:"created_at"`
	Role        Role              `json:"role"`
	Content     []Part            `json:"content"`
	AssistantID string            `json:"assistant_id,omitempty"`
	RunID       string            `json:"run_id,omitempty"`
	Attachments json.RawMessage   `json:"attachments,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Version     int64             `json:"version"`
}

// Text gives the message's text parts, joined by line breaks.
func (m *Message) Text() string { return PartsText(m.Content) }

// Part is a piece of a message's content: text, or an image by address.
type Part struct {
	Type     string `json:"type"` // text or image_url
	Text     string `json:"text,omitempty"`
	ImageURL string `json:"image_url,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// The types of content parts.
const (
	PartText     = "text"
	PartImageURL = "image_url"
)

// Text makes the content of a plain text message.
func Text(s string) []Part { return []Part{{Type: PartText, Text: s}} }

// PartsText gives the text parts, joined by line breaks.
func PartsText(parts []Part) string {
	if len(parts) == 1 && parts[0].Type == PartText {
		return parts[0].Text
	}
	var texts []string
	for _, p := range parts {
		if p.Type == PartText {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// ThreadContext is the end of a conversation: what the next turn needs.
type ThreadContext struct {
	ThreadID string `json:"thread_id"`
	Seq      int64  `json:"seq"` // of the last message in the thread when this was read

	// Messages are the last ones, oldest first; Truncated says that there
	// were more before them.
	Messages  []Message `json:"messages"`
	Truncated bool      `json:"truncated,omitempty"`
}
