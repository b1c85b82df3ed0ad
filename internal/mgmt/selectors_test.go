package mgmt_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// selectable are the nodes that the tests select from. Two of them have names that look
// like selectors.
var selectable = []mgmt.Node{
	{Name: "logger", Instance: "sensor-1", Role: mgmt.Logger},
	{Name: "manager", Instance: "sensor-1", Role: mgmt.Manager},
	{Name: "worker-1", Instance: "sensor-1", Role: mgmt.Worker},
	{Name: "worker-10", Instance: "sensor-2", Role: mgmt.Worker},
	{Name: "worker-2", Instance: "sensor-2", Role: mgmt.Worker},
	{Name: "star*", Instance: "%odd", Role: mgmt.Worker},
	{Name: "starling", Instance: "%odd", Role: mgmt.ClusterNone},
}

func TestSelect(t *testing.T) {
	for name, test := range map[string]struct {
		texts string
		want  string // names, or the error
		fails bool
	}{
		"nothing selects nothing":                {texts: "", want: ""},
		"a name":                                 {texts: "worker-1", want: "worker-1"},
		"a pattern":                              {texts: "worker-1*", want: "worker-1 worker-10"},
		"a pattern of one letter":                {texts: "worker-?", want: "worker-1 worker-2"},
		"a range":                                {texts: "worker-[2-9]", want: "worker-2"},
		"a role":                                 {texts: "@workers", want: "star* worker-1 worker-10 worker-2"},
		"a role in the singular, in capitals":    {texts: "@Logger", want: "logger"},
		"an instance":                            {texts: "%sensor-2", want: "worker-10 worker-2"},
		"instances by pattern":                   {texts: "%sensor-*", want: "logger manager worker-1 worker-10 worker-2"},
		"an instance whose name has a sign":      {texts: "%%odd", want: "star* starling"},
		"several, sorted, each node once":        {texts: "worker-2 @managers worker-* logger", want: "logger manager worker-1 worker-10 worker-2"},
		"a name that looks like a pattern":       {texts: "star*", want: "star*"},
		"a pattern for such names":               {texts: "sta*", want: "star* starling"},
		"a name that is nearly right":            {texts: "wroker-1", want: "there is no node 'wroker-1' (did you mean 'worker-1'?)", fails: true},
		"a name that is not there":               {texts: "something-else", want: "there is no node 'something-else'", fails: true},
		"one of several that selects nothing":    {texts: "logger proxy-*", want: "'proxy-*' selects no node: no node has a name like this", fails: true},
		"a role without nodes":                   {texts: "@proxies", want: "'@proxies' selects no node: the cluster has no proxy", fails: true},
		"a role that is none":                    {texts: "@wrkers", want: "'@wrkers' is no role; the roles are @managers, @loggers, @proxies and @workers (did you mean '@workers'?)", fails: true},
		"an empty role":                          {texts: "@", want: "'@' is no role; the roles are @managers, @loggers, @proxies and @workers", fails: true},
		"an instance that is nearly right":       {texts: "%sensor1", want: "'%sensor1' selects no node: there is no instance 'sensor1' with nodes (did you mean '%sensor-1'?)", fails: true},
		"a pattern of instances without a match": {texts: "%x*", want: "'%x*' selects no node: no instance with nodes has a name like this", fails: true},
		"an instance without a name":             {texts: "%", want: "'%' needs the name of an instance, as in '%sensor-1'", fails: true},
		"a pattern that is none":                 {texts: "worker-[1", want: `'worker-[1' is no pattern: a '[' has no ']', or a '\' ends it`, fails: true},
		"a selector of another line":             {texts: "a\x1bb", want: `there is no node 'a\x1bb'`, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := selected(strings.Fields(test.texts), selectable)
			if (err != nil) != test.fails {
				t.Fatalf("select %s: %v", test.texts, err)
			}
			if test.fails {
				if err.Error() != test.want {
					t.Errorf("got  %s\nwant %s", err, test.want)
				}
				return
			}
			if diff := cmp.Diff(strings.Fields(test.want), texts(got)); diff != "" {
				t.Errorf("select %s (-want +got):\n%s", test.texts, diff)
			}
		})
	}
}

func texts(names []mgmt.NodeName) []string {
	list := []string{}
	for _, n := range names {
		list = append(list, string(n))
	}
	return list
}

func selected(texts []string, nodes []mgmt.Node) ([]mgmt.NodeName, error) {
	s, err := mgmt.ParseSelectors(texts)
	if err != nil {
		return nil, err
	}
	return s.Select(nodes)
}

func TestSelectorsAreBounded(t *testing.T) {
	if _, err := mgmt.ParseSelectors([]string{strings.Repeat("x", mgmt.MaxSelector)}); err != nil {
		t.Errorf("a selector of %d bytes: %v", mgmt.MaxSelector, err)
	}
	for _, text := range []string{"", strings.Repeat("x", mgmt.MaxSelector+1)} {
		if _, err := mgmt.ParseSelectors([]string{text}); err == nil {
			t.Errorf("a selector of %d bytes was accepted", len(text))
		}
	}
}

func TestSelectorsWithoutNodes(t *testing.T) {
	for _, text := range []string{"*", "@workers", "%*", "worker-1"} {
		if got, err := selected([]string{text}, nil); err == nil {
			t.Errorf("%s selects %v of no nodes", text, got)
		}
	}
}

// FuzzSelectors checks that a selector is refused or selects at least one node, that it
// selects only nodes of its kind, and that a name always selects its node.
func FuzzSelectors(f *testing.F) {
	for _, text := range []string{"worker-1", "worker-*", "@workers", "%sensor-1", "%*", "[", "\\", "[^", "@", "%%odd", "star*"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		nodes := append(slices.Clone(selectable), mgmt.Node{Name: mgmt.NodeName(text), Instance: "sensor-1"})
		got, err := selected([]string{text}, selectable)
		if err == nil && len(got) == 0 {
			t.Fatalf("%q selects nothing, without an error", text)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Fatalf("the error %q has control characters", err)
		}
		for _, name := range got {
			i := slices.IndexFunc(selectable, func(n mgmt.Node) bool { return n.Name == name })
			if ok, _ := path.Match(text, string(name)); !ok && string(name) != text && text[0] != '@' && text[0] != '%' {
				t.Fatalf("%q selects %q", text, selectable[i].Name)
			}
		}
		if own, err := selected([]string{text}, nodes); err == nil && mgmt.CheckName(text) == nil && !slices.Equal(own, []mgmt.NodeName{mgmt.NodeName(text)}) {
			t.Fatalf("the name %q selects %v", text, own)
		}
	})
}
