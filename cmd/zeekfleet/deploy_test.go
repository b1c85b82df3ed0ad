package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// TestContainersAreRunWithWhatExists reads the files for keepers of containers. Their commands must
// have flags that exist, and their variables must set something.
func TestContainersAreRunWithWhatExists(t *testing.T) {
	variables := map[string]bool{}
	for _, s := range append(settings.DocumentedController(settings.Sources{}), settings.DocumentedAgent(settings.Sources{})...) {
		variables[s.Env] = true
	}
	files, err := filepath.Glob("../../deploy/kubernetes/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	seen := map[string]int{}
	for _, file := range append(files, "../../deploy/compose.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
			var document any
			if err := d.Decode(&document); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			walkYAML(document, func(key string, value any) {
				switch key {
				case "args", "command", "test":
					seen[key]++
					checkContainerCommand(t, file, value)
				case "env", "environment":
					for _, name := range variableNames(value) {
						seen[key]++
						if !variables[name] {
							t.Errorf("%s: nothing reads the variable %s", file, name)
						}
					}
				}
			})
		}
	}
	for _, key := range []string{"args", "command", "test", "env", "environment"} {
		if seen[key] == 0 {
			t.Errorf("no file has %s", key)
		}
	}
}

// walkYAML visits the values of all mappings.
func walkYAML(value any, visit func(key string, value any)) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			visit(key, inner)
			walkYAML(inner, visit)
		}
	case []any:
		for _, inner := range v {
			walkYAML(inner, visit)
		}
	}
}

// variableNames returns the names of a mapping of compose, or of a list of Kubernetes.
func variableNames(value any) (names []string) {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			names = append(names, name)
		}
	case []any:
		for _, one := range v {
			if m, ok := one.(map[string]any); ok {
				names = append(names, m["name"].(string))
			}
		}
	}
	return names
}

// checkContainerCommand checks that a list of words is a command line of this program.
func checkContainerCommand(t *testing.T, file string, value any) {
	t.Helper()
	list, ok := value.([]any)
	if !ok {
		t.Errorf("%s: %v is no list of words", file, value)
		return
	}
	var words []string
	for _, word := range list {
		words = append(words, word.(string))
	}
	line := strings.Join(words, " ")
	for len(words) > 0 && (words[0] == "CMD" || words[0] == "/usr/bin/zeekfleet") {
		words = words[1:]
	}
	root := newRootCommand(streams{strings.NewReader(""), io.Discard, io.Discard}, "")
	cmd, rest, err := root.Find(words)
	if err != nil || cmd == root {
		t.Errorf("%s: %s: %v", file, line, err)
		return
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%s: %s: %v", file, line, err)
	}
}

// The settings that packages install must be settings, and so must the examples in them.
func TestSettingsOfPackagesExist(t *testing.T) {
	for _, name := range []string{"controller", "agent"} {
		text, err := os.ReadFile("../../deploy/packages/etc/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var examples []string
		for line := range strings.Lines(string(text)) {
			example, commented := strings.CutPrefix(line, "# ")
			if !commented || strings.Contains(example, ":") && !strings.Contains(example, ". ") && strings.ToLower(example[:1]) == example[:1] {
				examples = append(examples, example)
			}
		}
		for what, content := range map[string]string{"as installed": string(text), "with its examples": strings.Join(examples, "")} {
			path := filepath.Join(t.TempDir(), name+".yaml")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			if status := run(t.Context(), []string{"config", name, "--config", path}, strings.NewReader(""), &stdout, &stderr); status != 0 {
				t.Errorf("%s.yaml %s: status %d: %s\n%s", name, what, status, &stderr, content)
			}
			if what == "with its examples" && strings.Count(content, "\n") < 4 {
				t.Errorf("%s.yaml has few examples:\n%s", name, content)
			}
		}
	}
}
