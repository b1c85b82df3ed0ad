package coretest_test

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// stageFunc is a stage that does the same for every line.
type stageFunc func(verb string, args *coretest.Args)

func (stageFunc) RunUntil(time.Duration) {}

func (f stageFunc) Do(verb string, args *coretest.Args) error {
	f(verb, args)
	return nil
}

// play plays one line on such a stage.
func play(t coretest.T, line string, do stageFunc) {
	coretest.Play(t, line, func(coretest.T, *coretest.Trace) coretest.Stage { return do })
}

// written returns a message as a dialogue shows it.
func written(msg mgmt.Message) string {
	lines := coretest.Entry{What: msg}.Lines(func(id mgmt.ReqID) string { return string(id) })
	return strings.Join(lines, "\n")
}

// filled returns a value of a type in which no field is zero, as far as requests
// have them.
func filled(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch v.Interface().(type) {
	case time.Duration:
		v.SetInt(int64(90 * time.Second))
		return v
	case mgmt.Configuration:
		v.Set(reflect.ValueOf(mgmt.Configuration{
			ID:        "two",
			Instances: []mgmt.Instance{{Name: "a", Host: mgmt.UnknownHost}},
			Nodes:     []mgmt.Node{{Name: "w", Instance: "a", Role: mgmt.Worker, State: mgmt.Running}},
		}))
		return v
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString("x y;\"z")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Int64:
		v.SetInt(-7)
	case reflect.Slice:
		v = reflect.Append(v, filled(t.Elem()), filled(t.Elem()))
	case reflect.Struct:
		for i := range t.NumField() {
			v.Field(i).Set(filled(t.Field(i).Type))
		}
	}
	return v
}

func TestEveryRequestIsReadAsItIsWritten(t *testing.T) {
	for _, empty := range mgmt.Requests() {
		want := filled(reflect.TypeOf(empty)).Interface().(mgmt.Message)
		// Clients and controllers have requests of the same names.
		event := mgmt.KindOf(empty).Event
		api := event[:strings.LastIndex(event, ":")+1]
		play(t, "ask "+written(want), func(_ string, args *coretest.Args) {
			if diff := cmp.Diff(want, args.Message(api), cmp.Comparer(sameHost)); diff != "" {
				t.Errorf("%s (-written +read):\n%s", written(want), diff)
			}
		})
	}
}

func sameHost(a, b netip.Addr) bool { return a == b }

func TestRequestsAreWrittenAsTheyAreRead(t *testing.T) {
	for _, line := range []string{
		`deploy q`,
		`deploy "" id="my cluster" partial patience=1m30s`,
		`get_id_value q id=Cluster::node nodes=w1,w2`,
		`test_timeout q with_state`,
		`dispatch q action=get_id_value,x nodes=w1`,
		`stage_configuration q x a@10.0.0.1 b@10.0.0.2:2152 c | manager@a:2200:9000 w@b::9001 logger-1@b:2201`,
		`stage_configuration q "" |`,
		`stage_configuration q x a | w:none@a:0 manager-2:worker@a w3@a,interface=eth0,cpu=3,script=local,X::y=1,ENV=z`,
		`stage_configuration q x a@[::1]:2151 b@::1 | "w@a,A=b c"`,
	} {
		play(t, "ask "+line, func(_ string, args *coretest.Args) {
			msg := args.Message(mgmt.ControllerAPI, mgmt.FleetControllerAPI, mgmt.AgentAPI)
			if err := args.Done(); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if got := written(msg); got != line {
				t.Errorf("%s: got %s", line, got)
			}
		})
	}
}

func TestResultsAreWrittenAsTheyAreRead(t *testing.T) {
	for line, want := range map[string]string{
		`ok`:          "deploy q answered: ok a",
		`ok w@b = 96`: "deploy q answered: ok w@b = 96",
		`fail b "no such; thing" = outputs "" "one\ntwo"`:          `deploy q answered: fail b "no such; thing" = outputs "" "one\ntwo"`,
		`ok a "for your information" = states a=RUNNING w=CRASHED`: `deploy q answered: ok a "for your information" = states a=RUNNING w=CRASHED`,
		`ok w@a = bad "data is a count"`:                           `deploy q answered: ok w@a = bad "data is a count"`,
		`ok w1@a = 96 ; fail w2@ "no" ; ok a`:                      "deploy q answered:\n  ok w1@a = 96\n  fail w2@a \"no\"\n  ok a",
		``:                                                         "deploy q answered: nothing",
	} {
		play(t, "answer "+line, func(_ string, args *coretest.Args) {
			got := written(mgmt.AgentDeployResponse{ReqID: "q", Results: args.Results("q", "a")})
			if err := args.Done(); err != nil || got != want {
				t.Errorf("%s: got %s, %v, want %s", line, got, err, want)
			}
		})
	}
}

func TestWhatHasNoWordsOfItsOwnIsWrittenByItsFields(t *testing.T) {
	got := written(mgmt.NotifyDispatches{Node: "w", Dispatches: []string{"get_stats", "rotate"}})
	if want := "notify_dispatches node=w dispatches=get_stats,rotate"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// failing is a test that keeps the text of its failure.
type failing struct{ text string }

func (f *failing) Helper() {}

func (f *failing) Errorf(format string, args ...any) { f.text += fmt.Sprintf(format, args...) }

func (f *failing) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	panic(f)
}

func TestLinesThatAreWrongSayWhatIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		"at 1 wait":                        `line 1: at 1 wait: time: missing unit in duration "1"`,
		"at 1s dance":                      `line 1: at 1s dance: unknown verb "dance"`,
		"at 1s wait long":                  `line 1: at 1s wait long: unknown word "long"`,
		"at 1s":                            `line 1: at 1s: a word is missing`,
		`ask c "`:                          `line 1: ask c ": quotes in ": invalid syntax`,
		"ask c1 dance d1":                  `line 1: ask c1 dance d1: unknown request "dance"`,
		"ask c1 deploy d1 now":             `line 1: ask c1 deploy d1 now: unknown word "now"`,
		"ask c1 stage_configuration s two": `line 1: ask c1 stage_configuration s two: no cluster "two"`,
		"answer p1 deploy ok":              `line 1: answer p1 deploy ok: nobody asked deploy of p1`,
		"set Colour=7":                     `line 1: set Colour=7: set Colour: no such field`,
		"set RequestTimeout=soon":          `line 1: set RequestTimeout=soon: set RequestTimeout: time: invalid duration "soon"`,
	} {
		f := &failing{}
		func() {
			defer func() {
				if r := recover(); r != nil && r != any(f) {
					panic(r)
				}
			}()
			coretest.PlayController(f, line)
		}()
		if got, _, _ := strings.Cut(f.text, "\n"); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

func TestWhatHappenedLastTimeIsPlayedAnew(t *testing.T) {
	lines := "# a comment\ncase one\nset RequestTimeout=1s\nat 0s ask c1 test_timeout t with_state\n  0s       what nobody said\n\n# of the end\nat 2s wait\n"
	got := coretest.PlayController(t, lines)
	want := `# a comment
case one
set RequestTimeout=1s
at 0s ask c1 test_timeout t with_state
  1s       warn: request timed out peer=c1 reqid=t
  1s       -> c1  test_timeout t answered: fail "request timed out"

# of the end
at 2s wait
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dialogue (-want +got):\n%s", diff)
	}
	if again := coretest.PlayController(t, got); again != got {
		t.Errorf("played again, it is another:\n%s", cmp.Diff(got, again))
	}
}

// exampleLine is a line of doc.go that belongs to an indented block.
var exampleLine = regexp.MustCompile(`(?m)^//\t(.*)$`)

func TestTheExampleOfTheDocumentationIsRight(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	block, _, _ := strings.Cut(string(text), "\n//\n// To write a dialogue")
	var lines []string
	for _, m := range exampleLine.FindAllStringSubmatch(block, -1) {
		lines = append(lines, m[1])
	}
	want := strings.Join(lines, "\n") + "\n"
	if len(lines) == 0 || !strings.HasPrefix(want, "case ") {
		t.Fatalf("the example is %q", want)
	}
	if diff := cmp.Diff(want, coretest.PlayAgent(t, want)); diff != "" {
		t.Errorf("example (-doc.go +played):\n%s", diff)
	}
}
