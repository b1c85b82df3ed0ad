package mgmt

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// MaxSelector is the length, in bytes, of the longest selector.
const MaxSelector = 2 * MaxNameLen

// Selectors name nodes of a cluster, as a user writes them:
//
//	worker-1      the node with this name
//	worker-1*     the nodes whose names match this pattern (path.Match)
//	@workers      the nodes of this role: loggers, managers, proxies, workers
//	%sensor-1     the nodes of this instance, or of those whose names match this pattern
//
// Several selectors name all nodes that one of them names. A selector that is the name of
// a node always means that node alone, even if it looks like a pattern.
type Selectors struct{ texts []string }

// ParseSelectors returns the selectors with these texts. There may be none.
func ParseSelectors(texts []string) (Selectors, error) {
	for _, text := range texts {
		if err := checkSelector(text); err != nil {
			return Selectors{}, err
		}
	}
	return Selectors{slices.Clone(texts)}, nil
}

func checkSelector(text string) error {
	role, isRole := strings.CutPrefix(text, "@")
	switch {
	case len(text) > MaxSelector:
		return fmt.Errorf("'%s…' is too long for a selector of nodes: at most %d bytes", printable(text[:20]), MaxSelector)
	case text == "":
		return errors.New("a selector of nodes is empty")
	case text == "%":
		return errors.New("'%' needs the name of an instance, as in '%sensor-1'")
	}
	if _, ok := selectedRole(role); isRole && !ok {
		return fmt.Errorf("'%s' is no role; the roles are @managers, @loggers, @proxies and @workers%s", printable(text),
			orMean("@"+Nearest(strings.ToLower(role), []string{"managers", "loggers", "proxies", "workers"})))
	}
	if _, err := path.Match(strings.TrimPrefix(text, "%"), ""); err != nil {
		return fmt.Errorf("'%s' is no pattern: a '[' has no ']', or a '\\' ends it", printable(text))
	}
	return nil
}

// selectedRole returns the role with a name such as "workers" or "worker".
func selectedRole(name string) (ClusterRole, bool) {
	switch strings.ToLower(name) {
	case "manager", "managers":
		return Manager, true
	case "logger", "loggers":
		return Logger, true
	case "proxy", "proxies", "proxys":
		return Proxy, true
	case "worker", "workers":
		return Worker, true
	}
	return "", false
}

// None reports whether there is no selector.
func (s Selectors) None() bool { return len(s.texts) == 0 }

// Select returns the names of the selected nodes, sorted. A selector that selects no node
// is an error. Without selectors, Select returns nothing.
func (s Selectors) Select(nodes []Node) ([]NodeName, error) {
	named := make(map[NodeName]bool, len(nodes))
	for _, n := range nodes {
		named[n.Name] = true
	}
	var selected []NodeName
	for _, text := range s.texts {
		if named[NodeName(text)] {
			selected = append(selected, NodeName(text))
			continue
		}
		before, matches := len(selected), matcher(text)
		for _, n := range nodes {
			if matches(n) {
				selected = append(selected, n.Name)
			}
		}
		if len(selected) == before {
			return nil, errors.New(unselected(text, nodes))
		}
	}
	slices.Sort(selected)
	return slices.Compact(selected), nil
}

// matcher returns the function that says which nodes a selector selects, apart from the
// node with that name.
func matcher(text string) func(Node) bool {
	matches := func(name string) bool {
		ok, err := path.Match(strings.TrimPrefix(text, "%"), name)
		return ok && err == nil
	}
	switch text[0] {
	case '@':
		role, _ := selectedRole(text[1:])
		return func(n Node) bool { return n.Role == role }
	case '%':
		return func(n Node) bool { return string(n.Instance) == text[1:] || matches(string(n.Instance)) }
	}
	return func(n Node) bool { return matches(string(n.Name)) }
}

// unselected says that a selector selects no node, and suggests another one.
func unselected(text string, nodes []Node) string {
	isPattern := strings.ContainsAny(text, `*?[\`)
	switch shown := printable(text); {
	case len(nodes) == 0:
		return fmt.Sprintf("'%s' selects no node: the cluster has no nodes", shown)
	case text[0] == '@':
		role, _ := selectedRole(text[1:])
		return fmt.Sprintf("'%s' selects no node: the cluster has no %s", shown, strings.ToLower(string(role)))
	case text[0] == '%' && isPattern:
		return fmt.Sprintf("'%s' selects no node: no instance with nodes has a name like this", shown)
	case text[0] == '%':
		var instances []InstanceName
		for _, n := range nodes {
			instances = append(instances, n.Instance)
		}
		slices.Sort(instances)
		return fmt.Sprintf("'%s' selects no node: there is no instance '%s' with nodes%s", shown, printable(text[1:]),
			orMean("%"+string(Nearest(InstanceName(text[1:]), slices.Compact(instances)))))
	case isPattern:
		return fmt.Sprintf("'%s' selects no node: no node has a name like this", shown)
	}
	var names []NodeName
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return fmt.Sprintf("there is no node '%s'%s", printable(text), orMean(string(Nearest(NodeName(text), names))))
}

// orMean asks whether the user meant a selector. It returns nothing if the selector has no
// name.
func orMean(selector string) string {
	if strings.Trim(selector, "@%") == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean '%s'?)", printable(selector))
}
