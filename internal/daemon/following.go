package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/pause"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

// following keeps a stream of samples of each instance that is connected.
type following struct {
	store *samples.Store
	wake  chan struct{}

	mu sync.Mutex
	// follows has the instances whose streams are read, and whether they have joined again
	// since.
	follows map[mgmt.InstanceName]bool
	// joined has those that have joined and are not followed yet.
	joined map[mgmt.InstanceName]bool
}

// The bounds of following.
const (
	followsAtMost  = 10_000
	maxSampleLine  = 4 << 20 // bytes
	maxSampleFacts = 200_000 // JSON values
	followAgain    = mgmt.SampleInterval
	followAgainMax = 5 * time.Minute
	maxMissing     = 500 // bytes of the reason why no samples come
	betweenSamples = mgmt.SampleInterval / 5
	followPause    = mgmt.SampleInterval / 20 // others may join: one Snapshot is enough for them
)

func newFollowing(store *samples.Store) *following {
	return &following{store: store, wake: make(chan struct{}, 1), follows: map[mgmt.InstanceName]bool{}, joined: map[mgmt.InstanceName]bool{}}
}

// changed says that an instance has joined, or left. f may be nil.
func (f *following) changed(instance mgmt.InstanceName, present bool) {
	if f == nil {
		return
	}
	f.mu.Lock()
	if _, follows := f.follows[instance]; present && follows {
		f.follows[instance] = true
	} else if present && len(f.follows)+len(f.joined) < followsAtMost {
		f.joined[instance] = true
	}
	f.mu.Unlock()
	f.stir()
}

func (f *following) stir() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// next returns the instances that are to be followed from now on.
func (f *following) next() (list []mgmt.InstanceName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for instance := range f.joined {
		f.follows[instance] = false
		list = append(list, instance)
	}
	clear(f.joined)
	return list
}

// ended says that an instance is not followed any more.
func (f *following) ended(instance mgmt.InstanceName) {
	f.mu.Lock()
	if f.follows[instance] {
		f.joined[instance] = true
	}
	delete(f.follows, instance)
	f.mu.Unlock()
	f.stir()
}

// followSamples follows instances until ctx is done.
func (c *Controller) followSamples(ctx context.Context, f *following) error {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-f.wake:
		}
		for _, instance := range f.next() {
			all.Go(func() {
				defer f.ended(instance)
				c.followInstance(ctx, f.store, instance)
			})
		}
		if snap, err := c.Snapshot(ctx); err == nil {
			f.store.Keep(func(instance mgmt.InstanceName) bool { return snap.Instance(instance) != nil })
		}
		if err := pause.For(ctx, followPause); err != nil {
			return err
		}
	}
}

// followInstance reads the samples of an instance as long as its agent is connected and has
// them. An agent that is busy, or ends the stream, is asked again, more and more rarely.
func (c *Controller) followInstance(ctx context.Context, store *samples.Store, instance mgmt.InstanceName) {
	again := followAgain
	for {
		taken, err := c.readSamples(ctx, store, instance)
		store.Miss(instance, mgmt.CutText(fmt.Sprintf("its samples do not come: %v", err), maxMissing))
		known, ok := errors.AsType[*mgmt.StreamError](err)
		if ok && (known.Code == mgmt.StreamUnsupported || known.Code == mgmt.StreamNotFound || known.Code == mgmt.StreamLost || known.Code == mgmt.StreamForbidden) {
			c.cfg.Logger.Debug("an instance has no samples", "instance", string(instance), "err", err)
			return
		}
		if taken > 0 {
			again = followAgain
		}
		if ctx.Err() == nil {
			c.cfg.Logger.Warn("samples of an instance have ended", "instance", string(instance), "err", err)
		}
		if pause.For(ctx, again) != nil {
			return
		}
		again = min(2*again, followAgainMax)
	}
}

// readSamples reads one stream of samples to its end, and returns how many there were.
func (c *Controller) readSamples(ctx context.Context, store *samples.Store, instance mgmt.InstanceName) (taken int, err error) {
	s, err := c.stream(ctx, standing, instance, mgmt.StreamSamples, nil)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	return takeSamples(ctx, s, store, instance)
}

// takeSamples takes samples to the end of a stream. An agent that was taken over may send without
// a pause: what comes too soon waits on the way.
func takeSamples(ctx context.Context, stream io.Reader, store *samples.Store, instance mgmt.InstanceName) (taken int, err error) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxSampleLine)
	for lines.Scan() {
		sample, err := readSample(lines.Bytes())
		if err != nil {
			return taken, err
		}
		if !store.Take(time.Now(), instance, sample) {
			return taken, errors.New("there are more hosts than samples are kept of")
		}
		taken++
		if err := pause.For(ctx, betweenSamples); err != nil {
			return taken, err
		}
	}
	if err := lines.Err(); err != nil {
		return taken, err
	}
	return taken, io.ErrUnexpectedEOF
}

// readSample reads a sample. An agent that was taken over can tell anything.
func readSample(line []byte) (*mgmt.HostSample, error) {
	sample := &mgmt.HostSample{}
	if err := mgmt.ReadJSON(line, maxSampleFacts, sample); err != nil {
		return nil, fmt.Errorf("the agent's sample is not understood: %v", err)
	}
	sample.Cut()
	return sample, nil
}
