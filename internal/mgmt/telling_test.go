package mgmt_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The texts are those of Zeek's Reporter, and those of libraries that end a process
// before Zeek can print anything.
func TestTellingLineIsTheLastErrorThatIsNotTheGeneralOne(t *testing.T) {
	const general = "fatal error: errors occurred while initializing\n"
	for name, tt := range map[string]struct{ stdout, stderr, want string }{
		"nothing": {},
		"warnings before an error, and the general one after it": {
			stderr: "warning in /usr/share/zeek/base/a.zeek, line 3: deprecated (x): \"use y\"\n" +
				"warning: no Site::local_nets have been defined.\n" +
				"error in /opt/site/main.zeek, line 9: Failed to register analyzer ANALYZER_HTTP for 80/tcp\n" + general,
			want: "error in /opt/site/main.zeek, line 9: Failed to register analyzer ANALYZER_HTTP for 80/tcp",
		},
		"the last of several errors": {
			stderr: "error in a.zeek, line 1: unknown identifier foo, at or near \"foo\"\nerror: second\nlistening on eth0\n",
			want:   "error: second",
		},
		"the general one alone": {
			stderr: "warning: careful\n" + general,
			want:   "fatal error: errors occurred while initializing",
		},
		"the general one with a place": {
			stderr: "expression error in ./x.zeek, line 4: no such index (t[5])\n" +
				"fatal error in ./x.zeek, line 4: failed to execute script statements at top-level scope\n",
			want: "expression error in ./x.zeek, line 4: no such index (t[5])",
		},
		"a fatal error of its own": {
			stderr: "error: earlier\nfatal error: problem with interface nope0 (pcap_error: No such device exists (pcap_activate))\n",
			want:   "fatal error: problem with interface nope0 (pcap_error: No such device exists (pcap_activate))",
		},
		"an error with its time": {
			stderr: "1700000000.123456 error in /opt/m.zeek, line 8: bad\n1700000000.123457 warning: later\n1700000001.000000 received termination signal\n",
			want:   "1700000000.123456 error in /opt/m.zeek, line 8: bad",
		},
		"an error whose place is a call": {
			stderr: "error in <params>, line 1: can't find x\nfatal error in <params>, line 1: Failed to setup Prometheus endpoint: null context when constructing CivetServer. Possible problem binding to port.\n",
			want:   "fatal error in <params>, line 1: Failed to setup Prometheus endpoint: null context when constructing CivetServer. Possible problem binding to port.",
		},
		"an internal error":   {stderr: "internal error: unable to get time\n", want: "internal error: unable to get time"},
		"an error of Spicy's": {stderr: "[error] foo.spicy:1\nerror: file missing\nerror: aborting after errors\n", want: "error: file missing"},
		"no error: the last line that is no warning": {
			stderr: "listening on lo\nwarning: no packets\n",
			want:   "listening on lo",
		},
		"warnings alone":                {stderr: "warning: a\nwarning: b\n", want: "warning: b"},
		"a library that is missing":     {stderr: "/opt/zeek/bin/zeek: error while loading shared libraries: libpcap.so.1: cannot open shared object file\n", want: "/opt/zeek/bin/zeek: error while loading shared libraries: libpcap.so.1: cannot open shared object file"},
		"a C++ exception":               {stderr: "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\nlast\n", want: "what():  std::bad_alloc"},
		"an assertion":                  {stderr: "zeek: src/Val.cc:12: int f(): Assertion `p' failed.\nmore\n", want: "zeek: src/Val.cc:12: int f(): Assertion `p' failed."},
		"errors on stderr before lines": {stdout: "result\n", stderr: "error: broken\n", want: "error: broken"},
		"stderr rather than stdout":     {stdout: "result\n", stderr: "listening on lo\n", want: "listening on lo"},
		"an error on stdout alone":      {stdout: "error: printed\n", stderr: "listening on lo\n", want: "error: printed"},
		"results alone":                 {stdout: "one\ntwo\n\n", want: "two"},
		"words that begin alike":        {stderr: "error-prone\nerrors are good\nlast\n", want: "last"},
		"a very long one":               {stderr: "error: " + strings.Repeat("é", 200) + "\n", want: "error: " + strings.Repeat("é", 146) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (mgmt.NodeOutputs{Stdout: tt.stdout, Stderr: tt.stderr}).TellingLine(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEndingLineIsNoLineThatHasNothingToDoWithTheEnd(t *testing.T) {
	for name, tt := range map[string]struct{ stderr, want string }{
		"nothing":        {},
		"a normal line":  {stderr: "listening on mon0\n"},
		"an old error":   {stderr: "listening on mon0\n1796012625.480789 error in /opt/option.zeek, line 174: ID 'ignore_checksums' is not an option\n"},
		"a fatal error":  {stderr: "listening on mon0\nfatal error: out of memory\n", want: "fatal error: out of memory"},
		"internal error": {stderr: "1796012625.480789 internal error: bad\n", want: "1796012625.480789 internal error: bad"},
		"an assertion":   {stderr: "zeek: a.cc:12: int f(): Assertion `p' failed.\n", want: "zeek: a.cc:12: int f(): Assertion `p' failed."},
		"the reason of the general one": {
			stderr: "error in a.zeek, line 1: unknown identifier foo\nfatal error: errors occurred while initializing\n",
			want:   "error in a.zeek, line 1: unknown identifier foo",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (mgmt.NodeOutputs{Stderr: tt.stderr}).EndingLine(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
