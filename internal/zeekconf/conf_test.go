package zeekconf_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/zeekconf"
)

// What the generator refuses is one clear error with file and line.
func TestMistakes(t *testing.T) {
	section := "[zeek]\nmanager = 1\n[interface a]\ninterface = eth0\n"
	for name, tt := range map[string]struct{ text, want string }{
		"a line of nothing":          {"[zeek]\nmanager = 1\nhello\n", `zeek.conf:3: "hello" is neither a section, nor KEY = VALUE with a key in lower case`},
		"a key in capitals":          {"[zeek]\nManager = 1\n", `zeek.conf:2: "Manager = 1" is neither a section, nor KEY = VALUE with a key in lower case`},
		"a key twice":                {"[zeek]\nmanager = 1\nmanager = 1\n", `zeek.conf:3: "manager" is already set on line 2`},
		"a section twice":            {"[zeek]\nmanager = 1\n[zeek]\n", `zeek.conf:3: section [zeek] is already defined on line 1`},
		"a line that continues":      {"[zeek]\n  x\n", `zeek.conf:2: "x" continues no option: remove the blanks before it`},
		"an option before sections":  {"workers = 1\n[zeek]\nmanager = 1\n", `zeek.conf:1: "workers" stands before the first section: put it into [zeek]`},
		"an unknown key":             {"[zeek]\nworkers = 1\n", `zeek.conf:2: [zeek] has no key "workers"`},
		"a key of the host":          {section + "workers = 1\nproxies = 1\n", `zeek.conf:6: [interface a] has no key "proxies"`},
		"no workers":                 {section, `zeek.conf:4: interface "eth0" has no workers: say how many there are`},
		"no interface":               {"[zeek]\nmanager = 1\n[interface a]\nworkers = 1\n", `zeek.conf:4: workers, and no interface`},
		"an empty interface":         {"[zeek]\nmanager = 1\n[interface a]\ninterface =\nworkers = 1\n", `zeek.conf:4: [interface a] has no interface`},
		"an empty section":           {"[zeek]\nmanager = 1\n[interface a]\n", `zeek.conf:3: [interface a] is empty`},
		"a name in capitals":         {"[zeek]\nmanager = 1\n[interface A]\ninterface = x\nworkers = 1\n", `zeek.conf:3: [interface A]: the name of an interface may have lower-case letters, digits, - and _`},
		"too many workers":           {section + "workers = 5000\n", `zeek.conf:5: workers "5000" is not a number from 0 to 4096`},
		"workers in words":           {section + "workers = two\n", `zeek.conf:5: workers "two" is not a number from 0 to 4096`},
		"two lines":                  {section + "workers = 1\nworkers_cpu_list = 1\n  2\n", `zeek.conf:7: "workers_cpu_list" has more than one line`},
		"a list that is none":        {section + "workers = 1\nworkers_cpu_list = 3-1\n", `zeek.conf:6: workers_cpu_list: "3-1" is no list of processors such as 0,4-7 or 0-14:2`},
		"a policy that is none":      {section + "workers = 1\nworker_numa_policy = bind\n", `zeek.conf:6: worker_numa_policy: "bind" is neither local nor default`},
		"nice beyond":                {section + "workers = 1\nworker_nice = 20\n", `zeek.conf:6: worker_nice: "20" is not a number from -20 to 19`},
		"a size that is none":        {section + "workers = 1\nworker_memory_max = 8GB\n", `zeek.conf:6: worker_memory_max: "8GB" is not a size such as 8G`},
		"an unknown name":            {section + "workers = 1\nworker_env = A=${index}\n", `zeek.conf:6: worker_env: ${index} is unknown here`},
		"a name for workers only":    {"[zeek]\nmanager = 1\nenv = A=${worker_index}\n", `zeek.conf:3: env: ${worker_index} is unknown here`},
		"a variable without sign":    {"[zeek]\nmanager = 1\nenv = A\n", `zeek.conf:3: env: "A" is not NAME=VALUE`},
		"blanks without quotes":      {"[zeek]\nmanager = 1\nenv = A=1 2\n", `zeek.conf:3: env: systemd ignores "2": put the value in quotes`},
		"an open brace":              {"[zeek]\nmanager = 1\n[interface a]\ninterface = x${worker\nworkers = 1\n", `zeek.conf:4: interface: ${worker lacks its closing brace`},
		"an address that is none":    {"[zeek]\nmanager = 1\naddress = host\n", `zeek.conf:3: address: "host" is not an address such as 192.0.2.1 or [fd00::1]`},
		"a prefix that begins badly": {"[zeek]\nmanager = 1\ncluster_node_prefix = 1a\n", `zeek.conf:3: cluster_node_prefix: the generator refuses "1a"`},
		"no manager":                 {"[zeek]\nloggers = 1\n", `zeek.conf: no manager: write manager = 1`},
		"two managers":               {"[zeek]\nmanager = 2\n", `zeek.conf:2: manager 2 is neither 1 nor 0`},
		"of 8.1, without sign":       {"interface = x\nhello\n", `zeek.conf:2: "hello" is neither a section`},
		"bytes":                      {"[zeek]\x00\n", `zeek.conf:1: not a text file: it holds the byte 0x00`},
		"too large":                  {strings.Repeat("#", zeekconf.MaxFile+1), `zeek.conf: more than 1048576 bytes`},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := zeekconf.Parse("zeek.conf", []byte(tt.text))
			if err == nil {
				err = zeekconf.CheckHosts([]*zeekconf.Conf{c})
			}
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestHostsShareNoNames(t *testing.T) {
	parse := func(file, text string) *zeekconf.Conf {
		c, err := zeekconf.Parse(file, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a := parse("a.zeek.conf", "manager = 1\nproxies = 1\ncluster_node_prefix = x\n")
	for _, tt := range []struct{ text, want string }{
		{"manager = 1\n", "b.zeek.conf:1: a second manager, beside that of a.zeek.conf"},
		{"proxies = 1\ncluster_node_prefix = x\n", "b.zeek.conf: its process x-proxy-1 is one of a.zeek.conf as well: set cluster_node_prefix"},
	} {
		if err := zeekconf.CheckHosts([]*zeekconf.Conf{a, parse("b.zeek.conf", tt.text)}); err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestCPUList(t *testing.T) {
	for text, want := range map[string][]int{
		"": nil, "3": {3}, "9,10-12:1,18-24:2": {9, 10, 11, 12, 18, 20, 22, 24}, "0-8:2,10-20:3": {0, 2, 4, 6, 8, 10, 13, 16, 19}, "2,1,2": {2, 1, 2},
	} {
		if got, err := zeekconf.CPUList(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"a", ",", "-", ":", "1,", "1,,2", "-2", "2-", "2-3-", "3-2", "1-2:", "1-2:0", "1-2:-2", "1:1", "1-2:1:2", "0-99999"} {
		if got, err := zeekconf.CPUList(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// Whatever a file holds, Parse and Expand return, and an error names the file.
func FuzzParse(f *testing.F) {
	f.Add("zeek.conf", "interface = af_packet::eth${worker_index0}\nworkers = 2\nworkers_cpu_list = 1-5:2\n")
	f.Add("h.zeek.conf", "[zeek]\nmanager = 1\nenv =\n  A=1\n  B=\"x y\"\n[interface a]\ninterface = \\${x}${worker_cpu}\nworkers = 1\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		if strings.ContainsAny(name, "\n\r") {
			return
		}
		c, err := zeekconf.Parse(name, []byte(text))
		if err == nil {
			_, err = c.Expand()
		}
		if err != nil && (!strings.HasPrefix(err.Error(), name) || strings.ContainsAny(err.Error(), "\n\r")) {
			t.Fatalf("an error without the file, or of several lines: %q", err)
		}
	})
}
