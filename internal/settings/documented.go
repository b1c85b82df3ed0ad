package settings

// Documented is what a document says of a setting.
type Documented struct{ Key, Flag, Env, Default, Doc string }

// DocumentedController returns the settings of a controller in the order of the table.
// DocumentedAgent does so for an agent. A default that depends on the host is empty.
func DocumentedController(src Sources) []Documented {
	return documented(controllerTable(src, new(parts)))
}

// DocumentedAgent is DocumentedController for agents.
func DocumentedAgent(src Sources) []Documented { return documented(agentTable(src, new(parts))) }

func documented[T any](table []setting[T]) []Documented {
	var all []Documented
	for _, s := range table {
		d := Documented{s.key, s.flag, s.env, s.initial, s.doc}
		if s.hostly {
			d.Default = ""
		}
		all = append(all, d)
	}
	return all
}
