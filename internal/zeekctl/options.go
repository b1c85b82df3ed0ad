package zeekctl

import "strings"

// Kind is the type of an option's value.
type Kind int

// The kinds of values.
const (
	Text Kind = iota
	Int
	Bool
)

// Fate is what becomes of an option when a cluster moves to zeekfleet.
type Fate string

// The fates of options.
const (
	// ToCluster becomes part of the cluster file.
	ToCluster Fate = "cluster file"
	// ToAgent becomes a setting of the agents.
	ToAgent Fate = "agent"
	// ToController becomes a setting of the controller.
	ToController Fate = "controller"
	// Needless has no equivalent, and nothing to do about it.
	Needless Fate = "not needed"
	// Lost has no equivalent, and something to do about it.
	Lost Fate = "none"
)

// An Option is an option of zeekctl.
type Option struct {
	Name string
	Kind Kind
	// Default is the value of a site that does not set the option.
	Default string
	// Legacy is an earlier name, which zeekctl refuses.
	Legacy string
	Fate   Fate
	// Becomes says what the option becomes, or what to do in place of it. It is a sentence, or
	// several, in Markdown.
	Becomes string
}

// FindOption returns the option with a name, in any case of letters.
func FindOption(name string) (Option, bool) {
	for _, o := range Options {
		if strings.EqualFold(o.Name, name) {
			return o, true
		}
	}
	return Option{}, false
}

// Options are all options of zeekctl 2.6, those of its own plugins, and those of earlier
// versions that zeekctl no longer has, in the order of names.
var Options = []Option{
	{Name: "BinDir", Default: "${ZeekBase}/bin", Fate: Needless, Becomes: "The agent finds Zeek by `zeek.path`."},
	{Name: "BrokerDBDir", Default: "${ZeekBase}/spool/brokerstore", Fate: Lost, Becomes: "Tables that Broker keeps are in the agent's state directory. To keep their content, copy the files there before the first start."},
	{Name: "CapstatsPath", Default: "${BinDir}/capstats", Fate: Needless, Becomes: "`zeekfleet capstats` needs no program."},
	{Name: "CfgDir", Default: "${ZeekBase}/etc", Fate: Needless, Becomes: "There is one cluster file, wherever you keep it."},
	{Name: "cluster_backend_zeromq.curve_dir", Default: "${SpoolDir}/zeromq/curve", Fate: Needless, Becomes: "Agents make the keys, or derive them from `zeek.secret_file`."},
	{Name: "cluster_backend_zeromq.disable_unencrypted_warning", Kind: Bool, Default: "0", Fate: Needless, Becomes: "`zeekfleet status` says whether a cluster is open to others."},
	{Name: "cluster_backend_zeromq.use_curve_encryption", Default: "auto", Fate: ToAgent, Becomes: "`zeek.zeromq_curve`: `0` becomes `off`. Between hosts the keys need `zeek.secret_file`."},
	{Name: "ClusterBackend", Default: "ZeroMQ", Fate: ToCluster, Becomes: "`backend` in the section `[cluster]`. If the option is not set, zeekctl used Broker up to Zeek 8.0 and ZeroMQ since; the cluster file then says nothing, and `auto` holds."},
	{Name: "ClusterTopicSeparator", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "CommandTimeout", Kind: Int, Default: "60", Fate: Needless, Becomes: "`agent.request_timeout` and `agent.deploy_timeout` bound requests."},
	{Name: "CommTimeout", Kind: Int, Default: "10", Fate: Needless, Becomes: "`agent.request_timeout` bounds what a node may take to answer."},
	{Name: "CompressCmd", Default: "gzip", Fate: Lost, Becomes: "The agent compresses with gzip by itself. For another format, `agent.archive_cmd` names a program that archives in its place."},
	{Name: "CompressExtension", Default: "gz", Fate: Lost, Becomes: "The agent's files end in `.gz`. `agent.archive_cmd` names a program that archives in another way."},
	{Name: "CompressLogs", Kind: Bool, Default: "1", Fate: ToAgent, Becomes: "`agent.archive_level`: 0 for `CompressLogs = 0`."},
	{Name: "CompressLogsInFlight", Kind: Int, Default: "0", Fate: Lost, Becomes: "The agent compresses rotated logs. To compress logs while they are written, set `LogAscii::gzip_level` in `local.zeek`."},
	{Name: "ControlTopic", Default: "zeek/control", Fate: Needless, Becomes: "Nodes speak with their agent."},
	{Name: "CrashExpireInterval", Kind: Int, Default: "0", Fate: Needless, Becomes: "Crash records are bounded in number; `zeekfleet crashes` lists them."},
	{Name: "CronCmd", Fate: Lost, Becomes: "There is no cron job. Run the command from your own crontab or timer; a receiver of alerts can run one when something is wrong."},
	{Name: "Debug", Kind: Bool, Default: "0", Fate: Needless, Becomes: "`log_level: debug` is what the daemons say of themselves."},
	{Name: "DebugLog", Default: "${SpoolDir}/debug.log", Fate: Needless, Becomes: "The daemons log to their standard error."},
	{Name: "DefaultStoreDir", Default: "${SpoolDir}/stores", Fate: Lost, Becomes: "Stores of Broker are in the agent's state directory. To keep their content, copy the files there before the first start."},
	{Name: "Env_Vars", Fate: ToCluster, Becomes: "`env` of every node. A variable that makes a program load code, such as `LD_PRELOAD`, also needs `agent.allow_env`, which the import writes."},
	{Name: "FileExtractDir", Default: "${SpoolDir}/extract_files", Fate: Lost, Becomes: "Extracted files are in `extract_files` in the directory of each node. Set `FileExtract::prefix` in `local.zeek` for another place."},
	{Name: "HaveNFS", Kind: Bool, Default: "0", Fate: Needless, Becomes: "Nothing is copied to a shared directory."},
	{Name: "HelperDir", Default: "${ZeekBase}/share/zeekctl/scripts/helpers", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "IPv6Comm", Kind: Bool, Default: "1", Fate: Needless, Becomes: "It is of zeekctl 1. Addresses of both kinds work."},
	{Name: "KeepLogs", Fate: Lost, Becomes: "Old logs are removed whatever their names. Copy what must stay elsewhere, or set no `agent.archive_keep_days`."},
	{Name: "lb_custom.InterfacePrefix", Fate: ToCluster, Becomes: "`interface_prefix` of the workers."},
	{Name: "lb_custom.InterfaceSuffix", Fate: ToCluster, Becomes: "`interface_suffix` of the workers."},
	{Name: "LibDir", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "LibDir64", Default: "${ZeekBase}/lib64", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "LibDirInternal", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "LocalNetsCfg", Default: "${CfgDir}/networks.cfg", Fate: Needless, Becomes: "The file becomes the section `[networks]`. Name the file that it says to the import."},
	{Name: "LockFile", Default: "${SpoolDir}/lock", Fate: Needless, Becomes: "The controller orders operations."},
	{Name: "LogDir", Default: "${ZeekBase}/logs", Fate: ToAgent, Becomes: "`agent.archive_dir`. The directories by day have the same names."},
	{Name: "LogExpireInterval", Default: "0", Fate: ToAgent, Becomes: "`agent.archive_keep_days`, rounded up to days."},
	{Name: "LogExpireMinutes", Kind: Int, Default: "0", Fate: Needless, Becomes: "zeekctl makes it of `LogExpireInterval`."},
	{Name: "LogRotationInterval", Kind: Int, Default: "3600", Fate: ToAgent, Becomes: "`zeek.rotation_interval`. 0, which means never, has no equivalent: the longest is a day."},
	{Name: "MailAlarmsInterval", Kind: Int, Default: "86400", Fate: ToAgent, Becomes: "A word of `zeek.args`: `Log::default_mail_alarms_interval`."},
	{Name: "MailAlarmsTo", Default: "${MailTo}", Fate: ToAgent, Becomes: "A word of `zeek.args`: `Notice::mail_dest_pretty_printed`."},
	{Name: "MailArchiveLogFail", Kind: Bool, Default: "1", Fate: Needless, Becomes: "The agent logs it, and tries again."},
	{Name: "MailConnectionSummary", Kind: Bool, Default: "1", Fate: Lost, Becomes: "There are no reports of trace-summary. Run it on the archive from your own crontab."},
	{Name: "MailFrom", Default: "Zeek <zeek@localhost>", Fate: ToCluster, Becomes: "The option `Notice::mail_from` in `[options]`."},
	{Name: "MailHostUpDown", Kind: Bool, Default: "1", Fate: Needless, Becomes: "The alert `agent-away` says that a host is gone. A receiver tells you of alerts."},
	{Name: "MailReceivingPackets", Kind: Bool, Default: "1", Fate: Needless, Becomes: "The alert `no-packets` says that an interface gets none."},
	{Name: "MailReplyTo", Fate: Needless, Becomes: "It is for zeekctl's own mails alone."},
	{Name: "MailSubjectPrefix", Default: "[Zeek]", Fate: ToCluster, Becomes: "The option `Notice::mail_subject_prefix` in `[options]`."},
	{Name: "MailTo", Default: "<user>", Fate: ToAgent, Becomes: "For notices, a word of `zeek.args`: `Notice::mail_dest`. For what zeekctl mails itself, name a receiver of alerts in the controller's settings, with a `url` or a `command`."},
	{Name: "MakeArchiveName", Default: "${ZeekBase}/share/zeekctl/scripts/make-archive-name", Fate: Lost, Becomes: "Archived logs have zeekctl's usual names. For others, `agent.archive_cmd` names a program that archives in the agent's place."},
	{Name: "MemLimit", Default: "unlimited", Fate: ToAgent, Becomes: "`zeek.memory_limit`. A number is in KiB."},
	{Name: "MetricsAddress", Default: "127.0.0.1", Fate: ToAgent, Becomes: "`zeek.metrics_address`."},
	{Name: "MetricsPort", Kind: Int, Default: "9991", Fate: ToController, Becomes: "`controller.auto_assign_metrics_start_port`; 0 becomes `controller.auto_assign_metrics_ports: false`."},
	{Name: "MinDiskSpace", Kind: Int, Default: "5", Fate: ToController, Becomes: "The limits of the alert `disk-full`; 0 becomes `off`."},
	{Name: "NodeCfg", Default: "${CfgDir}/node.cfg", Fate: Needless, Becomes: "The file becomes the cluster file. Name the file that it says to the import."},
	{Name: "OS", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "PcapBufsize", Kind: Int, Default: "128", Fate: ToAgent, Becomes: "A word of `zeek.args`: `Pcap::bufsize`."},
	{Name: "PcapSnaplen", Kind: Int, Default: "9216", Fate: ToAgent, Becomes: "A word of `zeek.args`: `Pcap::snaplen`."},
	{Name: "PFRINGClusterID", Kind: Int, Default: "21", Fate: ToCluster, Becomes: "`PCAP_PF_RING_CLUSTER_ID` in `env` of the workers."},
	{Name: "PFRINGClusterType", Default: "4-tuple", Fate: ToCluster, Becomes: "The variable `PCAP_PF_RING_USE_CLUSTER_…` in `env` of the workers."},
	{Name: "PFRINGFirstAppInstance", Kind: Int, Default: "0", Fate: ToCluster, Becomes: "The number behind `@` in `interface` of the workers."},
	{Name: "PluginDir", Default: "${LibDirInternal}/zeekctl/plugins", Fate: Needless, Becomes: "It is for plugins of zeekctl."},
	{Name: "PluginZeekDir", Default: "${LibDir}/zeek/plugins", Legacy: "PluginBroDir", Fate: Needless, Becomes: "It is for plugins of zeekctl."},
	{Name: "PolicyDir", Default: "${ZeekScriptDir}", Fate: Needless, Becomes: "The agent asks Zeek where its scripts are."},
	{Name: "PolicyDirSiteInstall", Default: "${SpoolDir}/installed-scripts-do-not-touch/site", Fate: Needless, Becomes: "Bundles bring scripts to hosts."},
	{Name: "PolicyDirSiteInstallAuto", Default: "${SpoolDir}/installed-scripts-do-not-touch/auto", Fate: Needless, Becomes: "Agents generate scripts per node."},
	{Name: "PostProcDir", Default: "${ZeekBase}/share/zeekctl/scripts/postprocessors", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "Prefixes", Default: "local", Fate: ToAgent, Becomes: "`zeek.prefixes`. zeekctl's own prefixes `zeekctl`, `zeekctl-live` and the node's name are left out."},
	{Name: "PrivateAddressSpaceIsLocal", Kind: Bool, Default: "1", Fate: ToAgent, Becomes: "A word of `zeek.args`, for 0: `Site::private_address_space_is_local=F`."},
	{Name: "SaveTraces", Kind: Bool, Default: "0", Fate: Lost, Becomes: "Nodes write no traces of packets. Capture with tcpdump beside them."},
	{Name: "ScriptsDir", Default: "${ZeekBase}/share/zeekctl/scripts", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "SendMail", Default: "/usr/sbin/sendmail", Fate: ToCluster, Becomes: "The option `Notice::sendmail` in `[options]`, and `agent.allow_options`, because it names a program."},
	{Name: "SitePluginPath", Fate: Lost, Becomes: "Plugins of zeekctl have no equivalent. Plugins of Zeek belong into a bundle, or below `zeek.plugin_path`."},
	{Name: "SitePolicyLogger", Fate: Lost, Becomes: "It is of zeekctl 1. Name the script in `scripts` of the loggers."},
	{Name: "SitePolicyManager", Fate: Lost, Becomes: "It is of zeekctl 1. Name the script in `scripts` of the manager."},
	{Name: "SitePolicyPath", Default: "${PolicyDir}/site", Fate: ToCluster, Becomes: "A bundle for each directory. With one host and the usual directory there is nothing to bring, and no bundle."},
	{Name: "SitePolicyScripts", Default: "local.zeek", Fate: ToAgent, Becomes: "The first words of `zeek.args`."},
	{Name: "SitePolicyStandalone", Fate: Lost, Becomes: "It is of zeekctl 1. Name the script in `zeek.args`."},
	{Name: "SitePolicyWorker", Fate: Lost, Becomes: "It is of zeekctl 1. Name the script in `scripts` of the workers."},
	{Name: "SpoolDir", Default: "${ZeekBase}/spool", Fate: Needless, Becomes: "Nodes run below the agent's `state_dir`. `import --check` reads the spool of zeekctl."},
	{Name: "StandAlone", Kind: Bool, Default: "0", Fate: Needless, Becomes: "zeekctl finds it out from node.cfg. A standalone Zeek becomes a manager and a worker."},
	{Name: "StateFile", Default: "${SpoolDir}/state.db", Fate: Needless, Becomes: "The controller and each agent have their own state."},
	{Name: "StaticDir", Default: "${ZeekBase}/share/zeekctl", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "StatsDir", Default: "${LogDir}/stats", Fate: Needless, Becomes: "Figures are in `zeekfleet top`, on the pages and for Prometheus."},
	{Name: "StatsLog", Default: "${SpoolDir}/stats.log", Fate: Needless, Becomes: "Figures are in `zeekfleet top`, on the pages and for Prometheus."},
	{Name: "StatsLogEnable", Kind: Bool, Default: "1", Fate: Needless, Becomes: "Agents always measure; a day of it is kept in memory."},
	{Name: "StatsLogExpireInterval", Kind: Int, Default: "0", Fate: Needless, Becomes: "A day of figures is kept. Prometheus keeps more."},
	{Name: "StatusCmdShowAll", Kind: Bool, Default: "0", Fate: Needless, Becomes: "`zeekfleet peers` shows who is connected with whom."},
	{Name: "StopTimeout", Kind: Int, Default: "60", Fate: ToAgent, Becomes: "`agent.stop_grace.logger`, `.manager`, `.proxy` and `.worker`."},
	{Name: "StopWait", Kind: Bool, Default: "0", Fate: Needless, Becomes: "The agent archives what a node left behind before it starts the node again."},
	{Name: "Time", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "TimeFmt", Default: "%d %b %H:%M:%S", Fate: Needless, Becomes: "Times are in one form; `--output json` has them for programs."},
	{Name: "TimeMachineHost", Fate: Lost, Becomes: "Time Machine is not supported. Add its node to `Cluster::nodes` in `local.zeek` if you run one."},
	{Name: "TimeMachinePort", Default: "47757/tcp", Fate: Lost, Becomes: "Time Machine is not supported."},
	{Name: "TmpDir", Default: "${SpoolDir}/tmp", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "TmpExecDir", Default: "${SpoolDir}/tmp", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "TraceSummary", Default: "${BinDir}/trace-summary", Fate: Needless, Becomes: "There are no reports of trace-summary."},
	{Name: "UseWebSocket", Kind: Bool, Default: "1", Fate: Needless, Becomes: "Nodes speak with their agent over a WebSocket of their own (`zeek.transport`)."},
	{Name: "Version", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "WebSocketHost", Default: "127.0.0.1", Fate: Needless, Becomes: "Programs ask the controller, not the manager."},
	{Name: "WebSocketPort", Kind: Int, Default: "27759", Fate: Needless, Becomes: "Programs ask the controller, not the manager."},
	{Name: "WebSocketTimeout", Kind: Int, Default: "10", Fate: Needless, Becomes: "`agent.request_timeout` bounds what a node may take to answer."},
	{Name: "WebSocketUrl", Fate: Needless, Becomes: "Programs ask the controller, not the manager."},
	{Name: "Zeek", Default: "${BinDir}/zeek", Legacy: "Bro", Fate: ToAgent, Becomes: "`zeek.path`."},
	{Name: "zeek_port_warning.disable", Kind: Bool, Default: "0", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "ZeekArgs", Legacy: "BroArgs", Fate: ToAgent, Becomes: "The last words of `zeek.args`. A word with a blank in it, such as a filter, has no place there, and the import says so."},
	{Name: "ZeekBase", Legacy: "BroBase", Fate: ToAgent, Becomes: "`zeek.path` names the `bin/zeek` in it."},
	{Name: "ZeekCtlConfigDir", Default: "${SpoolDir}", Legacy: "BroCtlConfigDir", Fate: Needless, Becomes: "It is zeekctl's own."},
	{Name: "ZeekPort", Kind: Int, Default: "27760", Legacy: "BroPort", Fate: ToCluster, Becomes: "`port` of the manager, the loggers and the proxies, as zeekctl counts them. Workers listen nowhere. With ZeroMQ the first two are `zeek.zeromq_xpub_port` and `zeek.zeromq_xsub_port`."},
	{Name: "ZoneID", Fate: Needless, Becomes: "It is of zeekctl 1. An agent that joins needs no zone."},
}
