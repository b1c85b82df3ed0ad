package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Alerts has the settings of a controller's alerts.
type Alerts struct {
	Rules  map[mgmt.AlertRule]alerting.Rule
	Repeat time.Duration
	// Receivers are sorted by name.
	Receivers []AlertReceiver
}

// AlertReceiver has the settings of a receiver of alerts.
type AlertReceiver struct {
	Name string `json:"-"`
	// Format is json or slack. Empty means json.
	Format string `json:"format,omitempty"`
	// URL is that of a webhook, or URLFile has it.
	URL     string `json:"url,omitempty"`
	URLFile string `json:"url_file,omitempty"`
	// KeyFile has the key that signs the messages. CAFile has the authorities of the webhook's
	// host; without it they are those that this host trusts.
	KeyFile string   `json:"key_file,omitempty"`
	CAFile  string   `json:"ca_file,omitempty"`
	Command []string `json:"command,omitempty"`
	// Severity is the least one: warning or critical. Empty means warning.
	Severity string `json:"severity,omitempty"`
	// Resolved says whether the receiver is told that alerts end. Nil means yes.
	Resolved *bool `json:"resolved,omitempty"`
	// Timeout bounds an attempt. Empty means 10s.
	Timeout string `json:"timeout,omitempty"`
}

// receiverKeys are the settings of a receiver.
var receiverKeys = []string{"ca_file", "command", "format", "key_file", "resolved", "severity", "timeout", "url", "url_file"}

// Wait returns Timeout.
func (r AlertReceiver) Wait() time.Duration {
	d, err := parseDuration(r.Timeout, time.Second, time.Minute)
	if err != nil {
		return 10 * time.Second
	}
	return d
}

// check returns an error that says what is wrong, without the values of secret settings.
func (r AlertReceiver) check() error {
	webhook := r.URL != "" || r.URLFile != ""
	_, timeoutErr := parseDuration(r.Timeout, time.Second, time.Minute)
	switch {
	case webhook == (len(r.Command) > 0):
		return errors.New("give it either a url, a url_file or a command")
	case r.URL != "" && r.URLFile != "":
		return errors.New("give it either url or url_file")
	case r.URL != "" && !isWebURL(r.URL):
		return errors.New("its url is not one of http or https, without a user name: put a URL with a secret into a file (url_file)")
	case len(r.Command) > 0 && !filepath.IsAbs(r.Command[0]):
		return errors.New("its command must begin with an absolute path")
	case len(r.Command) > 0 && (r.KeyFile != "" || r.CAFile != "" || r.Format != ""):
		return errors.New("key_file, ca_file and format are for webhooks, and it has a command")
	case !slices.Contains([]string{"", "json", "slack"}, r.Format):
		return errors.New("its format is neither json nor slack")
	case !slices.Contains([]string{"", "warning", "critical"}, r.Severity):
		return errors.New("its severity is neither warning nor critical")
	case r.Timeout != "" && timeoutErr != nil:
		return fmt.Errorf("its timeout is %v", timeoutErr)
	}
	for _, path := range []string{r.URLFile, r.KeyFile, r.CAFile} {
		if path != "" && !filepath.IsAbs(path) {
			return errors.New("its files must have absolute paths")
		}
	}
	return nil
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// checkReceiverName returns an error unless a text may name a receiver.
func checkReceiverName(name string) error {
	if name == "" || len(name) > 40 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return errors.New("the name of a receiver has 1 to 40 lower-case letters, digits, - and _")
	}
	return nil
}

// receiversAt reads receivers as JSON: an object with an object for each. It prints them
// without what may be secret.
func receiversAt(p *[]AlertReceiver) value {
	v := at(p, "receivers", parseReceivers, func(list []AlertReceiver) string {
		if len(list) == 0 {
			return ""
		}
		shown := map[string]AlertReceiver{}
		for _, r := range list {
			if u, err := url.Parse(r.URL); err == nil && r.URL != "" {
				r.URL = u.Scheme + "://" + u.Host + "/…"
			}
			shown[r.Name] = r
		}
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.Encode(shown)
		return strings.TrimSpace(text.String())
	})
	v.secret = true
	return v
}

// maxReceivers bounds the receivers.
const maxReceivers = 50

func parseReceivers(text string) ([]AlertReceiver, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var given map[string]AlertReceiver
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		return nil, errors.New("not a JSON object with an object for each receiver: " + strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not one JSON object: something follows it")
	}
	if len(given) > maxReceivers {
		return nil, fmt.Errorf("more than %d receivers", maxReceivers)
	}
	var list []AlertReceiver
	for _, name := range slices.Sorted(maps.Keys(given)) {
		r := given[name]
		r.Name = name
		if err := errors.Join(checkReceiverName(name)); err != nil {
			return nil, err
		}
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("wrong for receiver %s: %w", name, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// receivers returns the section of receivers as JSON. An error names the line.
func (f file) receivers(section *yaml.Node) (string, error) {
	if section.Kind == yaml.ScalarNode && section.Tag == "!!null" {
		return "", nil
	}
	if section.Kind != yaml.MappingNode {
		return "", f.errorAt(section.Line, "%s must be a section with a section for each receiver", receiversKey)
	}
	all := map[string]any{}
	for i := 0; i+1 < len(section.Content); i += 2 {
		name, body := section.Content[i], section.Content[i+1]
		if err := checkReceiverName(name.Value); err != nil {
			return "", f.errorAt(name.Line, "%s: %v", receiversKey, err)
		}
		if _, dup := all[name.Value]; dup {
			return "", f.errorAt(name.Line, "%s: there are two receivers %s", receiversKey, name.Value)
		}
		one, err := f.receiver(name.Value, name.Line, body)
		if err != nil {
			return "", err
		}
		all[name.Value] = one
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "", f.errorAt(section.Line, "%s: %v", receiversKey, err)
	}
	return string(text), nil
}

func (f file) receiver(name string, line int, body *yaml.Node) (map[string]any, error) {
	if body.Kind != yaml.MappingNode {
		return nil, f.errorAt(line, "%s.%s must be a section with settings", receiversKey, name)
	}
	one := map[string]any{}
	for i := 0; i+1 < len(body.Content); i += 2 {
		key, v := body.Content[i], body.Content[i+1]
		where := receiversKey + "." + name + "." + key.Value
		if !slices.Contains(receiverKeys, key.Value) {
			hint := ": it is one of " + strings.Join(receiverKeys, ", ")
			if near := mgmt.Nearest(key.Value, receiverKeys); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			return nil, f.errorAt(key.Line, "unknown setting %q%s", where, hint)
		}
		if _, dup := one[key.Value]; dup {
			return nil, f.errorAt(key.Line, "%s is set twice", where)
		}
		switch {
		case key.Value == "command" && v.Kind == yaml.SequenceNode:
			var argv []string
			for _, item := range v.Content {
				if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
					return nil, f.errorAt(item.Line, "%s must be a list of texts", where)
				}
				argv = append(argv, item.Value)
			}
			one[key.Value] = argv
		case key.Value == "command":
			return nil, f.errorAt(v.Line, "%s must be a list: the program and each argument", where)
		case v.Kind != yaml.ScalarNode || v.Tag == "!!null":
			return nil, f.errorAt(v.Line, "%s must have one value", where)
		case key.Value == "resolved":
			yes, err := strconv.ParseBool(v.Value)
			if err != nil {
				return nil, f.errorAt(v.Line, "%s must be true or false", where)
			}
			one[key.Value] = yes
		default:
			one[key.Value] = v.Value
		}
	}
	return one, f.checkReceiver(name, line, one)
}

// checkReceiver checks what does not depend on one setting alone.
func (f file) checkReceiver(name string, line int, one map[string]any) error {
	text, err := json.Marshal(one)
	if err != nil {
		return f.errorAt(line, "%v", err)
	}
	var r AlertReceiver
	if err := json.Unmarshal(text, &r); err != nil {
		return f.errorAt(line, "%v", err)
	}
	if err := r.check(); err != nil {
		return f.errorAt(line, "%s.%s: %v", receiversKey, name, err)
	}
	return nil
}

// ruleNumbers and ruleTimes are the parts of a rule that have a name.
func ruleNumbers(r *alerting.Rule) map[string]*float64 {
	return map[string]*float64{"limit": &r.Limit, "critical": &r.Critical, "clear": &r.Clear}
}

func ruleTimes(r *alerting.Rule) map[string]*time.Duration {
	return map[string]*time.Duration{"for": &r.For, "hold": &r.Hold}
}

// ruleWords are the names of the parts that a rule has: those with a default.
func ruleWords(of alerting.Rule) (words []string) {
	for _, name := range []string{"limit", "critical", "clear"} {
		if *ruleNumbers(&of)[name] != 0 {
			words = append(words, name+"=NUMBER")
		}
	}
	for _, name := range []string{"for", "hold"} {
		if *ruleTimes(&of)[name] != 0 {
			words = append(words, name+"=TIME")
		}
	}
	return words
}

// formatRule writes a rule, with the parts that its default has.
func formatRule(r, initial alerting.Rule) string {
	if r.Off {
		return "off"
	}
	var words []string
	for _, word := range ruleWords(initial) {
		name, _, _ := strings.Cut(word, "=")
		if n := ruleNumbers(&r)[name]; n != nil {
			words = append(words, name+"="+strconv.FormatFloat(*n, 'f', -1, 64))
		} else {
			words = append(words, name+"="+brief(ruleTimes(&r)[name].String()))
		}
	}
	return strings.Join(words, " ")
}

// ruleAt reads the settings of a rule. A part that is not named has its default.
func ruleAt(alerts *Alerts, rule mgmt.AlertRule, initial alerting.Rule) value {
	return value{
		kind: "rule", list: listOfWords,
		text: func() string { return formatRule(alerts.Rules[rule], initial) },
		parse: func(text string) error {
			r, err := parseRule(text, initial)
			if err != nil {
				return err
			}
			if alerts.Rules == nil {
				alerts.Rules = map[mgmt.AlertRule]alerting.Rule{}
			}
			alerts.Rules[rule] = r
			return nil
		},
	}
}

func parseRule(text string, initial alerting.Rule) (alerting.Rule, error) {
	r := initial
	if strings.TrimSpace(text) == "off" {
		r.Off = true
		return r, nil
	}
	allowed := ruleWords(initial)
	for word := range strings.FieldsSeq(text) {
		name, number, ok := strings.Cut(word, "=")
		if !ok || !slices.ContainsFunc(allowed, func(w string) bool { return strings.HasPrefix(w, name+"=") }) {
			return r, fmt.Errorf("not off, and not words of %s", strings.Join(allowed, ", "))
		}
		if to := ruleNumbers(&r)[name]; to != nil {
			n, err := strconv.ParseFloat(number, 64)
			if err != nil || math.IsNaN(n) || n < 0 || n > 1e6 {
				return r, fmt.Errorf("wrong: %s is not a number from 0", name)
			}
			*to = n
			continue
		}
		d, err := parseDuration(number, 0, 24*time.Hour)
		if err != nil {
			return r, fmt.Errorf("wrong: %s is %v", name, err)
		}
		*ruleTimes(&r)[name] = d
	}
	up := initial.Clear < initial.Limit // the value must be above the limit
	switch {
	case initial.Clear != 0 && (r.Clear > r.Limit) == up:
		return r, errors.New("wrong: between clear and limit an alert goes on; they stand the other way round")
	case initial.Critical != 0 && (r.Critical < r.Limit) == up:
		return r, errors.New("wrong: an alert is critical after it is a warning; critical and limit stand the other way round")
	case r.Limit == 0 && initial.Limit != 0:
		return r, errors.New("wrong: with the limit 0 it would always be an alert: write off if nobody is to be told")
	}
	return r, nil
}
