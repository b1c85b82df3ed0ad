package clusterfile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The options of Zeek's AF_PACKET source that templates set.
const (
	fanoutID   = "AF_Packet::fanout_id"
	fanoutMode = "AF_Packet::fanout_mode"
	ringSize   = "AF_Packet::buffer_size"
	blockSize  = "AF_Packet::block_size"
	blockWait  = "AF_Packet::block_timeout"
	checksums  = "AF_Packet::checksum_validation_mode"
)

// zeeksFanoutID is the fan-out ID of a node that sets none. No template gets it by chance.
const zeeksFanoutID = 23

// zeeksBlockSize is the size of a block of the ring in a node that sets none.
const zeeksBlockSize = 32 << 10

// fanoutModes and checksumModes are the values of two keys. Zeek has them in capitals, with a
// prefix.
var (
	fanoutModes   = []string{"hash", "cpu", "qm", "cbpf", "ebpf"}
	checksumModes = []string{"on", "off", "kernel"}
)

// pfRingTypes are the ways in which PF_RING shares packets, as zeekctl calls them.
var pfRingTypes = []string{
	"2-tuple", "4-tuple", "5-tuple", "6-tuple", "inner-2-tuple", "inner-4-tuple", "inner-5-tuple", "inner-6-tuple", "inner-tcp-5-tuple",
	"tcp-5-tuple",
}

// pfRingFlows are the variables with which PF_RING's libpcap is told so.
var pfRingFlows = map[string]string{
	"2-tuple":           "PCAP_PF_RING_USE_CLUSTER_PER_FLOW_2_TUPLE",
	"4-tuple":           "PCAP_PF_RING_USE_CLUSTER_PER_FLOW_4_TUPLE",
	"5-tuple":           "PCAP_PF_RING_USE_CLUSTER_PER_FLOW_5_TUPLE",
	"6-tuple":           "PCAP_PF_RING_USE_CLUSTER_PER_FLOW",
	"tcp-5-tuple":       "PCAP_PF_RING_USE_CLUSTER_PER_FLOW_TCP_5_TUPLE",
	"inner-2-tuple":     "PCAP_PF_RING_USE_CLUSTER_PER_INNER_FLOW_2_TUPLE",
	"inner-4-tuple":     "PCAP_PF_RING_USE_CLUSTER_PER_INNER_FLOW_4_TUPLE",
	"inner-5-tuple":     "PCAP_PF_RING_USE_CLUSTER_PER_INNER_FLOW_5_TUPLE",
	"inner-6-tuple":     "PCAP_PF_RING_USE_CLUSTER_PER_INNER_FLOW",
	"inner-tcp-5-tuple": "PCAP_PF_RING_USE_CLUSTER_PER_INNER_FLOW_TCP_5_TUPLE",
}

// afPacketOptions returns the options that the template's keys for AF_PACKET set, apart from
// the fan-out ID.
func (r *templateReader) afPacketOptions() []mgmt.Option {
	var options []mgmt.Option
	add := func(name, value string) { options = append(options, mgmt.Option{Name: name, Value: value}) }
	if r.has("fanout_mode") {
		add(fanoutMode, "AF_Packet::FANOUT_"+r.zeeks("fanout_mode", "FANOUT_", fanoutModes))
	}
	if r.has("checksum_validation") {
		add(checksums, "AF_Packet::CHECKSUM_"+r.zeeks("checksum_validation", "CHECKSUM_", checksumModes))
	}
	block := int64(zeeksBlockSize)
	if r.has("block_size") {
		block = r.bytes("block_size", 4<<10, 64<<20)
		if block%(4<<10) != 0 {
			r.fail("block_size", "\"block_size\" is %d bytes, and should be a multiple of 4KiB, the size of a page", block)
		}
		add(blockSize, strconv.FormatInt(block, 10))
	}
	if r.has("ring_size") {
		size := r.bytes("ring_size", 64<<10, 64<<30)
		if size < block {
			r.fail("ring_size", "\"ring_size\" is %d bytes, less than one block of %d bytes", size, block)
		}
		add(ringSize, strconv.FormatInt(size, 10))
	}
	if r.has("block_timeout") {
		add(blockWait, r.milliseconds("block_timeout", 1, 10_000))
	}
	return options
}

// zeeks returns a value as Zeek writes it, in capitals. It may be written as Zeek does.
func (r *templateReader) zeeks(key, prefix string, values []string) string {
	text := strings.TrimPrefix(strings.ToUpper(r.word(key)), "AF_PACKET::")
	text = strings.TrimPrefix(text, prefix)
	if r.err == nil && !slices.Contains(values, strings.ToLower(text)) {
		r.fail(key, "%s can be %s", ini.Quote(key), strings.Join(values, ", "))
	}
	return text
}

// units are the units of sizes.
var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}}

// bytes returns a size in bytes.
func (r *templateReader) bytes(key string, least, most int64) int64 {
	text := r.word(key)
	number, unit := text, int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = rest, u.bytes
			break
		}
	}
	n, err := ini.Int(number)
	if r.err == nil && (err != nil || n < 1 || n > most/unit || n*unit < least) {
		r.fail(key, "%s is %s, and should be a size such as 128MiB, from %d to %d bytes", ini.Quote(key), ini.Quote(text), least, most)
		return least
	}
	return n * unit
}

// milliseconds returns a time as Zeek writes it.
func (r *templateReader) milliseconds(key string, least, most int64) string {
	text := r.word(key)
	number, _ := strings.CutSuffix(strings.TrimSuffix(text, "ec"), "ms") // 10ms, 10msec
	n, err := ini.Int(number)
	if r.err == nil && (err != nil || number == text || n < least || n > most) {
		r.fail(key, "%s is %s, and should be a time such as 10ms, from %d to %d ms", ini.Quote(key), ini.Quote(text), least, most)
	}
	return strconv.FormatInt(n, 10) + "msec"
}

// ownDevices are prefixes of interfaces with which PF_RING does not share packets itself: a
// program, or the card, does it before, and each worker has a queue of its own.
var ownDevices = []struct{ prefix, variable string }{
	{"pf_ring::zc:", "PCAP_PF_RING_ZC_RSS"}, {"zc:", "PCAP_PF_RING_ZC_RSS"}, {"dnacl", ""}, {"dna", "PCAP_PF_RING_DNA_RSS"},
}

// capture sets the interface of the worker with that index in its group, and what the
// template's method adds. It leaves variables alone that the template sets.
func (t *template) capture(n *mgmt.Node, g *group, index int) {
	set := func(name, value string) {
		if _, has := n.Env[name]; name != "" && !has {
			if n.Env == nil {
				n.Env = map[string]string{}
			}
			n.Env[name] = value
		}
	}
	name := g.Interface
	switch t.method {
	case byAFPacket:
		name = "af_packet::" + name
		n.Options = append(n.Options, mgmt.Option{Name: fanoutID, Value: strconv.Itoa(g.FanoutID)})
	case byMyricom:
		set("SNF_NUM_RINGS", strconv.Itoa(len(g.Nodes)))
		set("SNF_FLAGS", "0x101")
	case byCustom:
		name = t.before + name + t.behind
	case byPFRing:
		set(t.flows, "1")
		i := slices.IndexFunc(ownDevices, func(d struct{ prefix, variable string }) bool { return strings.HasPrefix(name, d.prefix) })
		if i >= 0 {
			set(ownDevices[i].variable, "1")
			name += "@" + strconv.Itoa(index)
		} else {
			set("PCAP_PF_RING_CLUSTER_ID", strconv.Itoa(g.clusterID))
		}
		set("PCAP_PF_RING_APPNAME", "zeek-"+name)
	}
	n.Interface = &name
}
