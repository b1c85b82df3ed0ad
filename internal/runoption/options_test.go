package runoption_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/runoption"
)

func newOptions() *runoption.Options {
	return runoption.New([]runoption.Option{{"A::n", "count", "3"}, {"A::s", "string", "x"}, {"A::any", "", "{}"}}, []string{"A::k"})
}

// texts returns the values of all options.
func texts(o *runoption.Options) map[string]string {
	all := map[string]string{}
	for _, name := range o.Names() {
		all[name], _ = o.Text(name)
	}
	return all
}

func TestSetAllChangesAllOrNone(t *testing.T) {
	first := map[string]string{"A::n": "3", "A::s": "x", "A::any": "{}"}
	for name, tt := range map[string]struct {
		calls [][]string
		want  map[string]string
		err   string // of the last call
	}{
		"nothing":     {[][]string{{}}, first, ""},
		"two options": {[][]string{{"A::n", "5", "A::s", ""}}, map[string]string{"A::n": "5", "A::s": "", "A::any": "{}"}, ""},
		"an option that is not in the list any more has its first value": {
			[][]string{{"A::n", "5", "A::s", "y"}, {"A::s", "z"}}, map[string]string{"A::n": "3", "A::s": "z", "A::any": "{}"}, "",
		},
		"nothing any more": {[][]string{{"A::n", "5"}, {}}, first, ""},
		"one is wrong": {
			[][]string{{"A::n", "5"}, {"A::n", "y", "A::s", "y"}}, map[string]string{"A::n": "5", "A::s": "x", "A::any": "{}"}, "A::n: y is not of type count",
		},
		"several are wrong": {
			[][]string{{"A::k", "5", "A::m", "1", "Other::x", "2"}}, first,
			"A::k is a constant: put it into a bundle, it takes a restart; unknown id A::m (did you mean A::n?); unknown id Other::x",
		},
		"a name without a value": {[][]string{{"A::n"}}, first, "set_options expects names and values of options"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOptions()
			var last string
			for _, args := range tt.calls {
				last = ""
				if err := o.SetAll(args); err != nil {
					last = err.Error()
				}
			}
			if last != tt.err {
				t.Errorf("got  %s\nwant %s", last, tt.err)
			}
			if diff := cmp.Diff(tt.want, texts(o)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrongOptionsFromTheStartAreLeftOut(t *testing.T) {
	o := newOptions()
	wrong := o.Start([]mgmt.Option{{Name: "A::n", Value: "x"}, {Name: "A::s", Value: "y"}})
	if len(wrong) != 1 || wrong[0].Error() != "A::n: x is not of type count" {
		t.Errorf("got %v", wrong)
	}
	if got, err := o.Value("A::s"); got != "y" || err != nil {
		t.Errorf("A::s is %v, %v", got, err)
	}
	// What it had from its start is the agent's: an empty list takes it back.
	if err := o.SetAll(nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := o.Text("A::s"); got != "x" {
		t.Errorf("A::s is %q afterwards", got)
	}
}

func TestOneOptionIsSetUntilTheAgentSaysOtherwise(t *testing.T) {
	o := newOptions()
	if err := o.Set("A::n", "9"); err != nil {
		t.Fatal(err)
	}
	if got, err := o.Value("A::n"); got != uint64(9) || err != nil {
		t.Errorf("A::n is %v, %v", got, err)
	}
	if err := o.Set("A::x", "9"); err == nil {
		t.Error("set an unknown option")
	}
	if _, err := o.Value("A::x"); err == nil {
		t.Error("an unknown option has a value")
	}
	if err := o.SetAll([]string{"A::n", "4"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := o.Text("A::n"); got != "4" {
		t.Errorf("A::n is %q", got)
	}
}
