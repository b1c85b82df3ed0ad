package clusterfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fourNodes is the end of a cluster file: two workers, a logger, and a program in place of
// Zeek.
const fourNodes = "[instances]\nx\ny\n[w1]\nrole=worker\ninstance=x\n[w2]\nrole=worker\ninstance=y\n[l]\nrole=logger\ninstance=y\n[feeder]\ncommand=/bin/feeder\ninstance=y\n"

// resolved prints what the sections of our own have given to each node.
func resolved(c mgmt.Configuration) string {
	var b strings.Builder
	for _, n := range c.Nodes {
		var parts []string
		for _, o := range n.RunOptions {
			parts = append(parts, o.Name+"="+o.Value)
		}
		for _, o := range n.Bundles {
			parts = append(parts, fmt.Sprintf("%s/%s/%s", o.Name, o.Kind, o.Hash.Short()))
		}
		if len(n.Scripts) > 0 {
			parts = append(parts, "load "+strings.Join(n.Scripts, ","))
		}
		if len(parts) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", n.Name, strings.Join(parts, "; "))
		}
	}
	return b.String()
}

var (
	hashA = "sha256:" + strings.Repeat("a", 64)
	hashB = "sha256:" + strings.Repeat("b", 64)
)

// packed packs directories for tests.
func packed(name, directory string) (mgmt.BundleHash, error) {
	if strings.HasSuffix(directory, "/bad") {
		return "", errors.New(directory + "/x: a symbolic link leads out of the directory")
	}
	return mgmt.BundleHash(hashB), nil
}

func TestSectionsOfOurOwn(t *testing.T) {
	for name, tt := range map[string]struct {
		text, want string
		warnings   []string
	}{
		"options of all nodes but programs in place of Zeek": {
			text: "[options]\nA::b = 1\nA::Set = {a: 1}\n",
			want: "w1: A::Set={a: 1}; A::b=1\nw2: A::Set={a: 1}; A::b=1\nl: A::Set={a: 1}; A::b=1\n",
		},
		"the more special section wins, wherever it stands": {
			text: "[options w1]\nA::b = node\n[options w*]\nA::b = pattern\n[options %y]\nA::b = instance\nA::i = 1\n[options @workers]\nA::b = role\nA::i = 2\n[options]\nA::b = all\n",
			want: "w1: A::b=node; A::i=2\nw2: A::b=pattern; A::i=1\nl: A::b=instance; A::i=1\n",
		},
		"sections as special as each other may say the same": {
			text: "[options %x]\nA::b = 1\n[options %*]\nA::b = 1\n",
			want: "w1: A::b=1\nw2: A::b=1\nl: A::b=1\n",
		},
		"a program in place of Zeek that is named": {
			text: "[options feeder]\nA::b = 1\n", want: "feeder: A::b=1\n",
		},
		"values of several lines, empty ones, and percent signs": {
			text: "[DEFAULT]\nnet = 10.0.0.0/8\n[options w1]\nA::b = {\n  a,\n\n  b  c }\nA::e =\nA::p = 100%%\nA::r = %(net)s\n",
			want: "w1: A::b={ a, b  c }; A::e=; A::p=100%; A::r=10.0.0.0/8\n",
		},
		"networks": {
			text: "[networks]\n# ours\nfd00::/8 = ULA: ours\n192.168.0.0/16\n10.0.0.0/8          Private IP space\n[options l]\nSite::local_nets = 172.16.0.0/12\n",
			want: "w1: Site::local_nets=10.0.0.0/8,192.168.0.0/16,fd00::/8\nw2: Site::local_nets=10.0.0.0/8,192.168.0.0/16,fd00::/8\nl: Site::local_nets=172.16.0.0/12\n",
		},
		"bundles in the order of the file": {
			text: "[bundle site]\npath = ./site\nload = main.zeek other\n[bundle intel]\nhash = " + hashA + "\nkind = data\n[bundle extra]\nhash = " + hashA + "\nnodes = @workers feeder\n",
			want: "w1: site/scripts/sha256:bbbbbbbbbbbb; intel/data/sha256:aaaaaaaaaaaa; extra/scripts/sha256:aaaaaaaaaaaa; load main.zeek,other\n" +
				"w2: site/scripts/sha256:bbbbbbbbbbbb; intel/data/sha256:aaaaaaaaaaaa; extra/scripts/sha256:aaaaaaaaaaaa; load main.zeek,other\n" +
				"l: site/scripts/sha256:bbbbbbbbbbbb; intel/data/sha256:aaaaaaaaaaaa; load main.zeek,other\n" +
				"feeder: intel/data/sha256:aaaaaaaaaaaa; extra/scripts/sha256:aaaaaaaaaaaa\n",
		},
		"nodes named as our sections are": {
			text: "[options]\nrole = logger\ninstance = x\n[networks]\nROLE: proxy\ninstance: y\n[options options]\nA::b = 1\n",
			want: "options: A::b=1\n",
		},
		"a value that ends as a comment": {
			text: "[options l]\nA::b = 1 # one\n", want: "l: A::b=1 # one\n",
			warnings: []string{`c.ini:2: "# one" is taken as part of the value: a comment needs a line of its own`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := clusterfile.Parse("c.ini", []byte(tt.text+fourNodes), clusterfile.Options{Hostname: "h", Pack: packed})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, resolved(got.Config)); diff != "" {
				t.Errorf("resolved (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.warnings, got.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			// What is written is read as the same.
			again, err := clusterfile.Parse("again", []byte(clusterfile.Text(got.Config)), clusterfile.Options{Hostname: "h"})
			if err != nil {
				t.Fatalf("%v, in what was written:\n%s", err, clusterfile.Text(got.Config))
			}
			sorted := cmpopts.SortSlices(func(a, b mgmt.Node) bool { return a.Name < b.Name })
			if diff := cmp.Diff(got.Config, again.Config, append(clusterOptions, sorted)...); diff != "" {
				t.Errorf("read again (-first +again):\n%s\nwritten:\n%s", diff, clusterfile.Text(got.Config))
			}
		})
	}
}

func TestSectionsOfOurOwnRefused(t *testing.T) {
	for text, want := range map[string]string{
		"[options]\nA::b\n":                                                  `c.ini:2: [options]: "A::b" has no value: write it as NAME = VALUE`,
		"[options]\nA-b = 1\n":                                               `c.ini:2: [options]: "A-b" cannot be the name of an option`,
		"[options]\nFleet::proof = 1\n":                                      `c.ini:2: [options]: option Fleet::proof is zeekfleet's own`,
		"[options]\nA::b = %x\n":                                             `c.ini:2: "A::b" has a lone % in its value: write %%`,
		"[options @wrokers]\nA::b = 1\n":                                     `c.ini:1: [options @wrokers]: '@wrokers' is no role; the roles are @managers, @loggers, @proxies and @workers (did you mean '@workers'?)`,
		"[options @proxies]\nA::b = 1\n":                                     `c.ini:1: [options @proxies]: '@proxies' selects no node: the cluster has no proxy`,
		"[options %z]\nA::b = 1\n":                                           `c.ini:1: [options %z]: '%z' selects no node: there is no instance 'z' with nodes (did you mean '%x'?)`,
		"[options w3]\nA::b = 1\n":                                           `c.ini:1: [options w3]: there is no node 'w3' (did you mean 'w1'?)`,
		"[options w*]\nA::b = 1\n[options *1]\nA::b = 2\n":                   `c.ini:4: [options *1] and [options w*] (line 2) set A::b of node "w1" to different values, and neither is more special: name the node in a section of its own`,
		"[options @workers]\nrole = 1\n":                                     `c.ini:1: [options @workers] has keys of a node: a node's name has no blanks, and no option is named role, type or command`,
		"[networks]\n10.0.0.1/8 = x\n":                                       `c.ini:2: [networks]: "10.0.0.1/8" is an address in the network 10.0.0.0/8: write the network`,
		"[networks]\n10.0.0.1 = x\n":                                         `c.ini:2: [networks]: "10.0.0.1" is not a network: write 10.0.0.1/32 for this address alone`,
		"[networks]\nlocal = x\n":                                            `c.ini:2: [networks]: "local" is not a network: write it as 192.168.0.0/16 or fd00::/8`,
		"[networks]\n10.0.0.0/8 = x\n10.0.0.0/8 y\n":                         `c.ini:3: [networks]: 10.0.0.0/8 is there already on line 2`,
		"[networks]\n10.0.0.0/8\n[options]\nSite::local_nets = 10.0.0.0/8\n": `c.ini:4: [options] sets Site::local_nets, which is made from [networks]: keep one of them`,
		"[bundle Site]\nhash = " + hashA + "\n":                              `c.ini:1: [bundle Site]: "Site" cannot be the name of a bundle: it may have up to 60 of the characters a-z 0-9 _ - . and begins with a letter, a digit or _`,
		"[bundle site]\n":                                                    `c.ini:1: [bundle site]: say where its content is: path = DIRECTORY, or hash = sha256:… of content that the controller has; one of them`,
		"[bundle site]\npath = a\nhash = " + hashA + "\n":                    `c.ini:2: [bundle site]: say where its content is: path = DIRECTORY, or hash = sha256:… of content that the controller has; one of them`,
		"[bundle site]\npath =\n":                                            `c.ini:2: [bundle site]: "path" has no value`,
		"[bundle site]\npath = a # ours\n":                                   `c.ini:2: [bundle site]: "# ours" would be part of the value: a comment needs a line of its own`,
		"[bundle site]\nhash = md5:1\n":                                      `c.ini:2: [bundle site]: "md5:1" is not the hash of a bundle: it should be sha256: and 64 hex digits in lower case`,
		"[bundle site]\npath = /tmp/bad\n":                                   `c.ini:2: [bundle site]: /tmp/bad/x: a symbolic link leads out of the directory`,
		"[bundle site]\npath = a\nkind = script\n":                           `c.ini:3: [bundle site]: kind "script" is neither scripts nor data`,
		"[bundle site]\npath = a\nkind = data\nload = x\n":                   `c.ini:4: [bundle site]: nodes load nothing from a bundle of data: remove "load", or the kind`,
		"[bundle site]\npath = a\nnode = w1\n":                               `c.ini:3: [bundle site]: unknown key "node"; did you mean "nodes"?`,
		"[bundle site]\npath = a\nflavour = w1\n":                            `c.ini:3: [bundle site]: unknown key "flavour"; there are hash, kind, load, nodes, path`,
		"[bundle site]\npath = a\nnodes = w9\n":                              `c.ini:3: [bundle site]: there is no node 'w9' (did you mean 'w1'?)`,
		"[bundle site]\npath = a\nload = 'x\n":                               `c.ini:3: [bundle site]: load: No closing quotation`,
		"[bundle site]\npath = a\ntype = data\n":                             `c.ini:3: [bundle site]: unknown key "type"; there are hash, kind, load, nodes, path`,
	} {
		_, err := clusterfile.Parse("c.ini", []byte(text+fourNodes), clusterfile.Options{Hostname: "h", Pack: packed})
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
	_, err := clusterfile.Parse("c.ini", []byte("[bundle site]\npath = my site\n"+fourNodes), clusterfile.Options{})
	if want := `c.ini:2: [bundle site]: the directory "my site" cannot be read here: push it (zeekfleet bundle push site "my site"), and say the hash in place of the path`; err == nil || err.Error() != want {
		t.Errorf("without directories:\n got %v\nwant %s", err, want)
	}
}

// A file that zeek-client takes is taken in its place, also where it means something else.
func TestSectionsOfOurOwnAsZeekClient(t *testing.T) {
	text := "[bundle a]\nrole = worker\n[options @b]\ntype: logger\n[networks]\nrole = proxy\n[options]\nRole::x = 1\n"
	got, err := clusterfile.Parse("c.ini", []byte(text), clusterfile.Options{Hostname: "h", AsZeekClient: true})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range got.Config.Nodes {
		names = append(names, fmt.Sprint(n.Name, " ", n.Role, " ", n.RunOptions))
	}
	want := []string{"bundle a WORKER [{Role::x 1}]", "options @b LOGGER [{Role::x 1}]", "networks PROXY [{Role::x 1}]"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

// What options and bundles add to each node counts into the bound of a file from elsewhere.
func TestOptionsAreBoundedByTheNodesThatHaveThem(t *testing.T) {
	text := fourNodes + "[options]\nA::b = " + strings.Repeat("x", 1000) + "\n[bundle s]\nhash = " + hashA + "\n"
	for most, want := range map[int]string{
		5000: "",
		4150: `c.ini:18: "s": all values together, with what sections inherit, have more than 4150 bytes`,
		2500: `c.ini:17: "A::b": all values together, with what sections inherit, have more than 2500 bytes`,
	} {
		_, err := clusterfile.Parse("c.ini", []byte(text), clusterfile.Options{MaxValues: most})
		if got := fmt.Sprint(err); (want == "") != (err == nil) || err != nil && got != want {
			t.Errorf("%d bytes: got %v, want %q", most, err, want)
		}
	}
}

func TestPathsOfBundlesAreRelativeToTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.ini")
	text := "[bundle a]\npath = ./site\n[bundle b]\npath = /abs/x\n" + fourNodes
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string][]string{
		path: {"a " + filepath.Join(filepath.Dir(path), "site"), "b /abs/x"}, "-": {"a site", "b /abs/x"},
	} {
		var got []string
		_, err := clusterfile.Read(from, strings.NewReader(text), clusterfile.Options{Hostname: "h", Pack: func(name, dir string) (mgmt.BundleHash, error) {
			got = append(got, name+" "+dir)
			return mgmt.BundleHash(hashA), nil
		}})
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, packed (-want +got):\n%s", from, err, diff)
		}
	}
}

// What a cluster file cannot say is named.
func TestLacksOfBundlesAndOptions(t *testing.T) {
	a, b := mgmt.Bundle{Name: "a", Kind: mgmt.ScriptBundle, Hash: mgmt.BundleHash(hashA)}, mgmt.Bundle{Name: "b", Kind: mgmt.ScriptBundle, Hash: mgmt.BundleHash(hashB)}
	c := mgmt.Configuration{Nodes: []mgmt.Node{
		{Name: "w1", Instance: "x", Role: mgmt.Worker, Bundles: []mgmt.Bundle{b, a}},
		{Name: "w2", Instance: "x", Role: mgmt.Worker, Bundles: []mgmt.Bundle{b, a}, RunOptions: []mgmt.Option{{Name: "A::b", Value: " x"}}},
	}}
	lacks := clusterfile.Lacks(c, "--output json")
	want := []string{"the INI form has no place for blanks around the value of an option, which are left out here: those of w2; --output json shows them"}
	if diff := cmp.Diff(want, lacks); diff != "" {
		t.Errorf("lacks (-want +got):\n%s", diff)
	}
	c.Nodes[1].Bundles = []mgmt.Bundle{a, b}
	c.Nodes[1].RunOptions = nil
	lacks = clusterfile.Lacks(c, "--output json")
	want = []string{"the INI form has one order of bundles for all nodes, which is not that of w1; --output json shows it"}
	if diff := cmp.Diff(want, lacks); diff != "" {
		t.Errorf("lacks (-want +got):\n%s", diff)
	}
}

func TestTextOfOptionsAndBundles(t *testing.T) {
	text := "[bundle site]\nhash = " + hashA + "\nnodes = @workers\n[bundle intel]\nhash = " + hashB + "\nkind = data\n" +
		"[networks]\n10.0.0.0/8 = ours\nfd00::/8\n[options]\nA::b = 1\n[options @workers]\nA::c = 2\n[options w2]\nA::c = 3%%\nA::d = 4\n[options w1]\nA::d = 4\n" + fourNodes
	got, err := clusterfile.Parse("c.ini", []byte(text), clusterfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "[instances]\nx\ny\n\n[bundle site]\nhash = " + hashA + "\nnodes = w1 w2\n\n[bundle intel]\nhash = " + hashB + "\nkind = data\n\n" +
		"[networks]\n10.0.0.0/8\nfd00::/8\n\n[options]\nA::b = 1\n\n[options @workers]\nA::d = 4\n\n[options w1]\nA::c = 2\n\n[options w2]\nA::c = 3%%\n\n"
	written, _, _ := strings.Cut(clusterfile.Text(got.Config), "[feeder]")
	if diff := cmp.Diff(want, written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}
