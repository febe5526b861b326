package openaiapi

import (
	"net/url"

	"github.com/dejahq/deja"
)

// contentRules are what the content of a kind of message can be.
type contentRules struct {
	role  deja.Role // for messages
	limit int       // characters of a text; 0: no limit of its own
	empty bool      // texts can be empty
	// other reads a part that is not text, and reports whether it knows it.
	other func(o object, kind string) (deja.Part, bool)
}

// threadContent reads the content of a thread's message: text, or parts.
func (v value) threadContent() []deja.Part {
	return v.content(contentRules{role: deja.RoleUser, limit: maxText, other: func(o object, kind string) (deja.Part, bool) {
		if kind != deja.PartImageURL {
			return deja.Part{}, false
		}
		return o.image("http", "https"), true
	}})
}

// chatContent reads the content of a chat message. Only users send images.
// Clients do send empty texts: the output of a tool, or beside tool calls.
func (v value) chatContent(role deja.Role) []deja.Part {
	return v.content(contentRules{role: role, empty: true, other: func(o object, kind string) (deja.Part, bool) {
		switch {
		case kind == deja.PartImageURL && role == deja.RoleUser:
			return o.image("http", "https", "data"), true
		case kind == "refusal" && role == deja.RoleAssistant:
			p := deja.Part{Type: deja.PartText}
			if t, ok := o.need("refusal"); ok {
				p.Text = t.text(0)
			}
			return p, true
		}
		return deja.Part{}, false
	}})
}

// content reads a string or an array of parts.
func (v value) content(rules contentRules) []deja.Part {
	text := func(v value) string {
		if rules.empty {
			return v.text(rules.limit)
		}
		return v.some(rules.limit)
	}
	switch kindOf(v.raw) {
	case "a string":
		return deja.Text(text(v))
	case "an array":
	default:
		v.wrongType("a string or an array of parts")
		return nil
	}
	var parts []deja.Part
	for _, e := range v.array(0) {
		o := e.object()
		t, ok := o.need("type")
		if !ok {
			return nil
		}
		kind := t.text(0)
		if kind == deja.PartText {
			p := deja.Part{Type: deja.PartText}
			if t, ok := o.need("text"); ok {
				p.Text = text(t)
			}
			parts = append(parts, p)
			continue
		}
		p, known := rules.other(o, kind)
		if !known {
			t.noSuchPart(kind, rules.role)
			return nil
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		v.fail("empty_array", "must not be empty")
	}
	return parts
}

func (v value) noSuchPart(kind string, role deja.Role) {
	switch kind {
	case "image_file", "file":
		v.fail("invalid_value", "is '%s', but deja keeps no files; send images by address, as 'image_url'", kind)
	default:
		v.fail("invalid_value", "is '%.64s', which a message of the role '%s' can't have", kind, role)
	}
}

// image reads {"image_url": {"url", "detail"}}.
func (o object) image(schemes ...string) deja.Part {
	p := deja.Part{Type: deja.PartImageURL}
	v, ok := o.need("image_url")
	if !ok {
		return p
	}
	image := v.object()
	if u, ok := image.need("url"); ok {
		p.ImageURL = u.some(0)
		parsed, err := url.Parse(p.ImageURL)
		known := false
		for _, s := range schemes {
			known = known || err == nil && parsed.Scheme == s
		}
		if !known || parsed.Scheme != "data" && parsed.Host == "" {
			u.fail("invalid_value", "has to be an address of one of these kinds: %v", schemes)
		}
	}
	if d, ok := image.opt("detail"); ok {
		p.Detail = d.choice("auto", "low", "high")
	}
	return p
}

// attachments checks the shape of what is attached to a message.
func (v value) attachments() {
	for _, e := range v.array(0) {
		o := e.object()
		if id, ok := o.opt("file_id"); ok {
			id.some(maxName)
		}
		tools, ok := o.opt("tools")
		if !ok {
			continue
		}
		for _, t := range tools.array(maxAssistantTools) {
			if kind, ok := t.object().need("type"); ok {
				kind.choice("code_interpreter", "file_search")
			}
		}
	}
}
