package migration

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// applied are the options of zeekctl that become settings of daemons, with what writes them.
// Several names may share a function: it is called once for each that zeekctl.cfg sets.
var applied = map[string]func(*fromZeekctl, zeekctl.Setting){
	"cluster_backend_zeromq.use_curve_encryption": (*fromZeekctl).curve,
	"CompressLogs":        (*fromZeekctl).compress,
	"LogDir":              direct("agent.archive_dir"),
	"LogExpireInterval":   (*fromZeekctl).expire,
	"LogRotationInterval": (*fromZeekctl).rotation,
	"MailAlarmsInterval":  word("Log::default_mail_alarms_interval", "sec"),
	"MailAlarmsTo":        word("Notice::mail_dest_pretty_printed", ""),
	"MailTo":              (*fromZeekctl).mailTo,
	"MemLimit":            (*fromZeekctl).memory,
	"MetricsAddress":      direct("zeek.metrics_address"),
	"MetricsPort":         (*fromZeekctl).metricsPort,
	"MinDiskSpace":        (*fromZeekctl).disk,
	"PcapBufsize":         word("Pcap::bufsize", ""),
	"PcapSnaplen":         word("Pcap::snaplen", ""),
	"Prefixes":            nil, // prefixes
	"PrivateAddressSpaceIsLocal": func(f *fromZeekctl, s zeekctl.Setting) {
		if !f.site.On(s.Name) {
			f.argument(s, "Site::private_address_space_is_local=F")
		}
	},
	"SitePolicyScripts": nil, // scripts
	"StopTimeout":       (*fromZeekctl).stop,
	"Zeek":              direct("zeek.path"),
	"ZeekArgs":          (*fromZeekctl).arguments,
	"ZeekBase":          nil, // binary
}

// applyOptions makes settings of the options of zeekctl, and says which have no equivalent.
func (f *fromZeekctl) applyOptions() {
	f.scripts()
	f.prefixes()
	f.binary()
	f.zeromqPorts()
	for _, set := range f.site.Set {
		row, known := zeekctl.FindOption(set.Name)
		if !known {
			f.found.add(f.optionPlace(set), fmt.Sprintf("%s is an option of a plugin of zeekctl, which has no equivalent", set.Name), "")
			continue
		}
		if apply := applied[row.Name]; apply != nil {
			apply(f, set)
			continue
		}
		if row.Fate == zeekctl.Lost && f.loses(row, set.Value) {
			f.found.add(f.optionPlace(set), fmt.Sprintf("%s = %s has no equivalent", row.Name, set.Value), strings.ReplaceAll(row.Becomes, "`", ""))
		}
	}
	if f.site.IsSet("SendMail") {
		f.agent.addWords("agent.allow_options", f.atOption("SendMail")+": the option names a program", "Notice::sendmail")
	}
	if set := f.site.Option("Env_Vars"); set != "" {
		f.allowGlobalEnv()
	}
}

// loses reports whether a site with this value of an option loses something: what it has
// turned on, or has set to something else than the default.
func (f *fromZeekctl) loses(row zeekctl.Option, value string) bool {
	if row.Kind == zeekctl.Bool {
		return f.site.On(row.Name)
	}
	return value != "" && value != f.site.Default(row)
}

func (f *fromZeekctl) optionPlace(set zeekctl.Setting) string {
	return zeekctl.Place(f.site.Files.Options.Name, set.Line)
}

// direct makes a setting of the value as it is.
func direct(key string) func(*fromZeekctl, zeekctl.Setting) {
	return func(f *fromZeekctl, s zeekctl.Setting) {
		if s.Value != "" {
			f.agent.put(key, s.Value, f.atOption(s.Name))
		}
	}
}

// word adds a word to the arguments of every node: the variable with the value.
func word(variable, unit string) func(*fromZeekctl, zeekctl.Setting) {
	return func(f *fromZeekctl, s zeekctl.Setting) {
		if s.Value != "" {
			f.argument(s, variable+"="+s.Value+unit)
		}
	}
}

// argument adds a word to the arguments of every node. A word with a blank has no place there.
func (f *fromZeekctl) argument(s zeekctl.Setting, word string) {
	if strings.ContainsAny(word, " \t\"'\\") || strings.HasPrefix(word, "-") && word != "-C" {
		name, value, assigns := strings.Cut(word, "=")
		do := "a node takes no such word: set what it says in local.zeek"
		if assigns && word[0] != '-' {
			do = fmt.Sprintf("write redef %s = %q; into local.zeek", name, value)
		}
		f.found.add(f.optionPlace(s), fmt.Sprintf("the word %q has no place in zeek.args", word), do)
		return
	}
	if len(f.agent.values[zeekArgs].words) == 0 {
		f.agent.addWords(zeekArgs, "what every node loads", "local")
	}
	f.agent.addWords(zeekArgs, f.atOption(s.Name), word)
}

// scripts makes the first arguments of SitePolicyScripts.
func (f *fromZeekctl) scripts() {
	names := strings.Fields(f.site.Option("SitePolicyScripts"))
	if !f.site.IsSet("SitePolicyScripts") || slices.Equal(names, []string{"local.zeek"}) || slices.Equal(names, []string{"local"}) {
		return
	}
	if len(names) == 0 {
		f.found.add(zeekctl.Place(f.site.Files.Options.Name, 0), "SitePolicyScripts is empty, and nodes without zeek.args load local.zeek", "set zeek.args to a script of your own")
		return
	}
	f.agent.addWords(zeekArgs, f.atOption("SitePolicyScripts"), names...)
}

func (f *fromZeekctl) prefixes() {
	place := f.atOption("Prefixes")
	if place == "" {
		place = "zeekctl's Prefixes are local unless it is told otherwise"
	}
	var words []string
	for word := range strings.SplitSeq(f.site.Option("Prefixes"), ":") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	if len(words) > 0 {
		f.agent.addWords("zeek.prefixes", place, words...)
	}
}

// binary names the Zeek of the installation, which need not be the one that an agent finds.
func (f *fromZeekctl) binary() {
	if !f.site.IsSet("Zeek") {
		f.agent.put("zeek.path", f.site.Option("Zeek"), "the Zeek that zeekctl starts")
	}
}

// zeromqPorts makes the ports of ZeroMQ's proxy the two from which zeekctl counts.
func (f *fromZeekctl) zeromqPorts() {
	port := f.site.Number("ZeekPort")
	if f.site.Backend() != "zeromq" || port < 1 || port > 65534 {
		return
	}
	place := f.atOption("ZeekPort")
	if place == "" {
		place = "zeekctl's ZeekPort"
	}
	f.agent.put("zeek.zeromq_xpub_port", strconv.Itoa(port), place)
	f.agent.put("zeek.zeromq_xsub_port", strconv.Itoa(port+1), place)
}

func (f *fromZeekctl) curve(s zeekctl.Setting) {
	switch strings.ToLower(s.Value) {
	case "0", "false":
		f.agent.put("zeek.zeromq_curve", "off", f.atOption(s.Name))
	case "1", "true":
		f.found.add(f.optionPlace(s), "ZeroMQ is encrypted between hosts if they share a secret", "make one (head -c 32 /dev/urandom | base64 > secret), copy it to every host, and set zeek.secret_file")
	}
}

func (f *fromZeekctl) compress(s zeekctl.Setting) {
	if !f.site.On(s.Name) {
		f.agent.put("agent.archive_level", "0", f.atOption(s.Name))
	}
}

func (f *fromZeekctl) expire(s zeekctl.Setting) {
	minutes, err := f.site.ExpireMinutes()
	switch {
	case err != nil:
		f.found.add(f.optionPlace(s), err.Error(), "set agent.archive_keep_days")
	case minutes > 0:
		f.agent.put("agent.archive_keep_days", strconv.Itoa((minutes+24*60-1)/(24*60)), f.atOption(s.Name))
	}
}

func (f *fromZeekctl) rotation(s zeekctl.Setting) {
	const day = 24 * 60 * 60
	seconds := f.site.Number(s.Name)
	if seconds <= 0 || seconds > day {
		f.found.add(f.optionPlace(s), fmt.Sprintf("LogRotationInterval = %d has no equivalent", seconds), "logs are rotated at least once a day, as the settings now say")
		seconds = day
	}
	f.agent.put("zeek.rotation_interval", strconv.Itoa(seconds)+"s", f.atOption(s.Name))
}

func (f *fromZeekctl) mailTo(s zeekctl.Setting) {
	if s.Value == "" {
		return
	}
	f.argument(s, "Notice::mail_dest="+s.Value)
	if !f.site.IsSet("MailAlarmsTo") {
		f.argument(s, "Notice::mail_dest_pretty_printed="+s.Value)
	}
	f.found.add(f.optionPlace(s), "alerts go to receivers, and not to "+s.Value, "name one in the controller's settings (alerts.receivers), with a url, or with a command that mails")
}

func (f *fromZeekctl) memory(s zeekctl.Setting) {
	if strings.EqualFold(s.Value, "unlimited") || s.Value == "" {
		return
	}
	if kib, err := ini.Int(s.Value); err == nil && kib >= 16<<10 {
		f.agent.put("zeek.memory_limit", strconv.FormatInt(kib, 10)+"KiB", f.atOption(s.Name))
		return
	}
	f.found.add(f.optionPlace(s), fmt.Sprintf("MemLimit = %s is not a number of KiB from 16384 on", s.Value), "set zeek.memory_limit, such as 8GiB")
}

func (f *fromZeekctl) metricsPort(s zeekctl.Setting) {
	switch port := f.site.Number(s.Name); {
	case port == 0:
		f.control.put("controller.auto_assign_metrics_ports", "false", f.atOption(s.Name))
	case port > 0 && port <= 65535:
		f.control.put("controller.auto_assign_metrics_start_port", strconv.Itoa(port), f.atOption(s.Name))
	}
}

func (f *fromZeekctl) disk(s zeekctl.Setting) {
	percent := f.site.Number(s.Name)
	switch {
	case percent <= 0:
		f.control.put("alerts.rules.disk-full", "off", f.atOption(s.Name))
	case percent < 90:
		limit := 100 - percent
		f.control.put("alerts.rules.disk-full", fmt.Sprintf("limit=%d critical=%d clear=%d", limit, max(97, limit), max(1, limit-5)), f.atOption(s.Name))
	}
}

func (f *fromZeekctl) stop(s zeekctl.Setting) {
	seconds := min(max(f.site.Number(s.Name), 1), 24*60*60)
	for _, role := range []string{"logger", "manager", "proxy", "worker"} {
		f.agent.put("agent.stop_grace."+role, strconv.Itoa(seconds)+"s", f.atOption(s.Name))
	}
}

// arguments makes the last arguments of ZeekArgs.
func (f *fromZeekctl) arguments(s zeekctl.Setting) {
	words, err := zeekctl.ShellWords(s.Value)
	if err != nil {
		f.found.add(f.optionPlace(s), "ZeekArgs: "+err.Error(), "set what it says in zeek.args, or in local.zeek")
		return
	}
	for _, w := range words {
		f.argument(s, w)
	}
}

// allowGlobalEnv lets agents take variables of zeekctl.cfg that can make a program load code.
func (f *fromZeekctl) allowGlobalEnv() {
	all := map[string]bool{}
	for _, p := range f.site.Processes {
		for name := range p.Env {
			all[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if mgmt.LoadsCode(name) && !isReserved(name) {
			f.agent.addWords("agent.allow_env", f.atOption("Env_Vars"), name)
		}
	}
}
