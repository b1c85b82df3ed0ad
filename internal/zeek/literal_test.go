package zeek_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// unquote reads a string literal as Zeek does and returns the rest of text. It
// follows Zeek's rules (\\ \" \n \t \r \f \b \v \a, \x and up to two hex digits, up
// to three octal digits), not only the forms that the package writes.
func unquote(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		return "", "", fmt.Errorf("no literal at %.40q", text)
	}
	var b strings.Builder
	for i := 1; i < len(text); {
		switch c := text[i]; c {
		case '"':
			return b.String(), text[i+1:], nil
		case '\n':
			return "", "", fmt.Errorf("the literal goes over the line")
		case '\\':
			if i+1 == len(text) {
				return "", "", fmt.Errorf("the literal ends in a backslash")
			}
			size := escape(&b, text[i+1:])
			i += 1 + size
		default:
			b.WriteByte(c)
			i++
		}
	}
	return "", "", fmt.Errorf("the literal has no end")
}

// escape writes the byte for which an escape sequence stands, without its
// backslash, and returns the length of the sequence.
func escape(b *strings.Builder, text string) int {
	if i := strings.IndexByte("ntrfbva", text[0]); i >= 0 {
		b.WriteByte("\n\t\r\f\b\v\a"[i])
		return 1
	}
	digits, base, from := 3, 8, 0
	if text[0] == 'x' {
		digits, base, from = 2, 16, 1
	}
	end := from
	for end < len(text) && end < from+digits {
		if _, err := strconv.ParseUint(text[end:end+1], base, 8); err != nil {
			break
		}
		end++
	}
	if end == from {
		b.WriteByte(text[0])
		return 1
	}
	n, _ := strconv.ParseUint(text[from:end], base, 16)
	b.WriteByte(byte(n))
	return end
}

func FuzzTextEntersScriptsAsOneLiteral(f *testing.F) {
	for _, text := range []string{`/plain`, `/a"; event zeek_init() { system("x"); } #`, "/line\nbreak", `/back\`, "/\x00\x01\xff0", "/ü", `/\x41"`, "/%s"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, dir, seed string) {
		if strings.ContainsRune(dir, 0) {
			return // refused: no file can be called so
		}
		d := deployment(t, "8.2.2", oneHost(), "worker-1")
		d.Site.SpoolDir, d.Site.HashSeed = "/"+dir, "s"+seed
		g := generate(t, d)
		options := content(t, g, "zeekfleet-options.zeek")
		for name, want := range map[string]string{
			"redef Log::default_rotation_dir = ": g.Dirs[0],
			"Log::RotationPath($dir=":            g.Dirs[0],
			"redef global_hash_seed = ":          d.Site.HashSeed,
		} {
			_, literal, ok := strings.Cut(options, "\t"+name)
			if !ok {
				_, literal, ok = strings.Cut(options, "\n"+name)
			}
			if !ok {
				_, literal, _ = strings.Cut(options, name)
			}
			got, rest, err := unquote(literal)
			if err != nil || got != want || rest[0] != ';' && rest[0] != ',' {
				t.Errorf("%s%.80q is read as %q, then %.20q, %v; want %q", name, literal, got, rest, err, want)
			}
		}
		lint(t, "options", options)
	})
}

func FuzzNamesEnterLayoutsAsOneLiteral(f *testing.F) {
	for _, name := range []string{`w"1`, `a\`, `w"]=[$node_type=Cluster::MANAGER],#`, "ü", "a,b=c%"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if mgmt.CheckName(name) != nil || name == "manager" || name == "logger-1" || name == "proxy-1" {
			return
		}
		c := oneHost()
		c.Nodes[3].Name = mgmt.NodeName(name)
		g := generate(t, deployment(t, "8.2.2", c, mgmt.NodeName(name)))
		layout := content(t, g, "cluster-layout.zeek")
		var names []string
		for line := range strings.Lines(layout) {
			if literal, ok := strings.CutPrefix(line, "\t["); ok {
				got, rest, err := unquote(literal)
				if err != nil || !strings.HasPrefix(rest, "] = [$node_type=Cluster::") {
					t.Fatalf("%q: %v", line, err)
				}
				names = append(names, got)
			}
		}
		if len(names) != 4 || !slices.Contains(names, name) {
			t.Errorf("the layout has the nodes %q, want four with %q", names, name)
		}
		lint(t, "layout", layout)
		lint(t, "options", content(t, g, "zeekfleet-options.zeek"))
	})
}
