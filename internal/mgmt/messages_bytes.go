package mgmt

// The messages below carry bytes from one daemon to another over the peering that they
// have (docs/decisions/0036). They travel on topics of their own. The shells of agent and
// controller handle them, and no core does. A peer that does not subscribe to these topics
// gets none of them.

// StreamID identifies a stream among those that one daemon has opened.
type StreamID string

// StreamKind says what a stream carries. The set is closed: nobody names a file.
type StreamKind string

// The kinds of streams that an agent has.
const (
	StreamLogs     StreamKind = "logs"     // LogsQuery: the output of a node
	StreamCrashes  StreamKind = "crashes"  // no parameters: a JSON list of CrashSummary
	StreamCrash    StreamKind = "crash"    // CrashQuery: the JSON of a CrashReport
	StreamHost     StreamKind = "host"     // no parameters: the JSON of HostFacts
	StreamDiag     StreamKind = "diag"     // DiagQuery: the JSON of a NodeDiag
	StreamExec     StreamKind = "exec"     // ExecQuery: the JSON of an ExecReport
	StreamSettings StreamKind = "settings" // no parameters: the JSON of HostSettings
	StreamSamples  StreamKind = "samples"  // no parameters: a line of JSON for each HostSample, until it is cancelled
	StreamMetrics  StreamKind = "metrics"  // MetricsQuery: the text of a Prometheus endpoint
)

// The kinds of streams that a controller has, for its agents.
const (
	StreamBundle  StreamKind = "bundle"  // BundleQuery: the archive of a bundle
	StreamBundles StreamKind = "bundles" // no parameters: a JSON list of the BundleHash that kept revisions need
)

// BundleQuery asks for the archive of a bundle, from a byte on. The stream begins with the
// size of the whole archive, as BundleSizeBytes bytes with the highest first. If the
// controller does not have the archive, the stream ends with StreamNotFound.
type BundleQuery struct {
	Hash   BundleHash `json:"hash"`
	Offset int64      `json:"offset"`
}

// BundleSizeBytes is as in BundleQuery.
const BundleSizeBytes = 8

// StreamOpen asks a peer for a stream. Parameters is JSON, or empty if the kind has none.
// Credit is how many chunks the peer may send before it hears of more.
type StreamOpen struct {
	Stream     StreamID
	Kind       StreamKind
	Parameters string
	Credit     uint64
}

// StreamChunk is a part of a stream, in order. An empty one says that the sender lives, and
// takes no credit.
type StreamChunk struct {
	Stream StreamID
	Data   string
}

// StreamEnd is the last message of a stream from the sender of its bytes. The stream is
// whole if Code is empty.
type StreamEnd struct {
	Stream StreamID
	Code   StreamCode
	Error  string
}

// StreamCredit lets the sender of a stream send more chunks.
type StreamCredit struct {
	Stream StreamID
	Chunks uint64
}

// StreamCancel says that nobody wants the rest of a stream.
type StreamCancel struct{ Stream StreamID }

func (StreamOpen) isMessage()   {}
func (StreamChunk) isMessage()  {}
func (StreamEnd) isMessage()    {}
func (StreamCredit) isMessage() {}
func (StreamCancel) isMessage() {}

// StreamCode says why a stream is not whole.
type StreamCode string

// The reasons.
const (
	StreamUnsupported StreamCode = "unsupported" // the peer does not have such streams
	StreamForbidden   StreamCode = "forbidden"   // the asker may not
	StreamInvalid     StreamCode = "invalid"     // the parameters are wrong
	StreamNotFound    StreamCode = "not-found"   // what the parameters name does not exist
	StreamBusy        StreamCode = "busy"        // there are too many streams
	StreamLost        StreamCode = "lost"        // the peer is not connected, or says nothing
	StreamFailed      StreamCode = "failed"      // anything else
)

// StreamError says why a stream could not be opened, or why it is not whole. Text is for a
// person.
type StreamError struct {
	Code StreamCode
	Text string
}

func (e *StreamError) Error() string { return e.Text }

// MaxChunk bounds the bytes of a StreamChunk.
const MaxChunk = 64 << 10
