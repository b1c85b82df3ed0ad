package authority

import "maps"

// Stored returns the values of a State, by their keys.
func Stored(s State) map[string][]byte {
	values := map[string][]byte{}
	add := func(r record) { values[r.key()] = r.encode() }
	if s.cluster != nil {
		add(s.cluster)
	}
	each(s.owns, add)
	each(s.authorities, add)
	each(s.tokens, add)
	each(s.apiTokens, add)
	each(s.users, add)
	each(s.certificates, add)
	return values
}

func each[R record](m map[string]R, add func(record)) {
	for r := range maps.Values(m) {
		add(r)
	}
}
