package openaiapi

import (
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// maxFallbacks bounds how many servers one failing question is sent to.
const maxFallbacks = 4

// fallbacks reads who is asked when an assistant's model fails. Servers are
// known by name only: where they are is the operator's to say, or a client could
// have deja call any address.
func (a *API) fallbacks(v value) []deja.Fallback {
	if v.null() {
		return nil
	}
	var fs []deja.Fallback
	for _, e := range v.array(maxFallbacks) {
		o := e.object()
		o.only("upstream", "model")
		var f deja.Fallback
		if u, ok := o.opt("upstream"); ok {
			f.Upstream = u.some(maxName)
			if f.Upstream != "" && !slices.Contains(a.o.Upstreams, f.Upstream) {
				known := "none is"
				if len(a.o.Upstreams) > 0 {
					known = "there is " + strings.Join(a.o.Upstreams, ", ")
				}
				u.fail("invalid_value", "names a model server that is not configured here: '%.64s'; %s", f.Upstream, known)
			}
		}
		if m, ok := o.opt("model"); ok {
			f.Model = a.modelName(m)
		}
		if f == (deja.Fallback{}) {
			e.fail("invalid_value", "has to name an upstream, a model, or both")
		}
		fs = append(fs, f)
	}
	return fs
}

// showFallbacks gives an empty list for none, as the API does with lists.
func showFallbacks(fs []deja.Fallback) []deja.Fallback { return append([]deja.Fallback{}, fs...) }
