package openaiapi

// Operations gives the methods of every path, so that tests can hold them all
// to the same rules.
func (a *API) Operations() map[string][]string {
	all := make(map[string][]string)
	for path, by := range a.resources() {
		for method := range by {
			all[path] = append(all[path], method)
		}
	}
	return all
}
