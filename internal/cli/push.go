package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// packing bounds what is packed here. A controller has its own bound, which is lower.
var packing = bundle.Config{Bytes: 4 << 30}

// packedBundle is a bundle that can be pushed.
type packedBundle struct {
	name     string
	contents bundle.Contents
	files    func() ([]bundle.File, error)
	// close gives back what files need.
	close func() error
}

// packDirectory packs a directory, to know its hash. Nothing of it is kept.
func packDirectory(name, dir string) (p packedBundle, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return p, err
	}
	p = packedBundle{name: name, close: root.Close, files: func() ([]bundle.File, error) { return packing.Dir(root) }}
	if err := p.pack(); err != nil {
		return p, errors.Join(fmt.Errorf("pack %s: %w", dir, err), root.Close())
	}
	return p, nil
}

// pack reads all files, to know the hash.
func (p *packedBundle) pack() error {
	files, err := p.files()
	if err != nil {
		return err
	}
	p.contents, err = packing.Pack(io.Discard, files)
	return err
}

// packs returns the function that packs bundles of a cluster file, and the list of them.
func packs() (pack func(name, dir string) (mgmt.BundleHash, error), list *[]packedBundle) {
	list = new([]packedBundle)
	return func(name, dir string) (mgmt.BundleHash, error) {
		p, err := packDirectory(name, dir)
		if err != nil {
			return "", err
		}
		*list = append(*list, p)
		return p.contents.Hash, nil
	}, list
}

func closeAll(list []packedBundle) {
	for _, p := range list {
		p.close()
	}
}

// pushAll pushes the bundles that the controller does not have.
func (f Fleet) pushAll(ctx context.Context, c *api.Client, list []packedBundle) error {
	for _, p := range list {
		if _, err := f.push(ctx, c, p); err != nil {
			return fmt.Errorf("push bundle %s: %w", p.name, err)
		}
	}
	return nil
}

// pushTries is how often in a row a push may fail without any progress.
const pushTries = 5

// push pushes a bundle, unless the controller has it. It goes on where an earlier push has
// ended, and says whether anything was sent.
func (f Fleet) push(ctx context.Context, c *api.Client, p packedBundle) (sent bool, err error) {
	return f.pushWith(&pushing{ctx: ctx, client: c, pauseUnit: 500 * time.Millisecond, want: api.UploadRequest{Name: p.name, Hash: string(p.contents.Hash), Size: p.contents.Size}}, p)
}

func (f Fleet) pushWith(w *pushing, p packedBundle) (sent bool, err error) {
	for {
		u, err := w.client.BeginPush(w.ctx, w.want)
		if err != nil || u.Complete {
			return sent, err
		}
		if !sent {
			w.say = f.progress(p)
		}
		sent = true
		if err := w.from(u.Offset, p); !errors.Is(err, errElsewhere) {
			return true, err
		}
		// The controller lacks bytes that were sent already: it has forgotten the upload.
		if w.again++; w.again >= pushTries {
			return true, errElsewhere
		}
	}
}

// progress returns a function that says how much of a bundle is sent: on a terminal a line
// that changes, else one message.
func (f Fleet) progress(p packedBundle) func(done int64) {
	total := bytesText(uint64(p.contents.Size))
	if out := f.output(); !out.Screen.Terminal || !f.forPerson() || f.Log.Quiet {
		f.Log.Notice("pushing bundle %s: %s, %s", p.name, counted(len(p.contents.Entries), "file"), total)
		return func(int64) {}
	}
	var last time.Time
	return func(done int64) {
		if done < p.contents.Size && time.Since(last) < 100*time.Millisecond {
			return
		}
		last = time.Now()
		const width = 24
		bar := int(done * width / max(1, p.contents.Size))
		line := fmt.Sprintf("\rpushing bundle %s [%-*s] %s of %s\x1b[K", p.name, width, "========================"[:bar], bytesText(uint64(done)), total)
		if done >= p.contents.Size {
			line += "\n"
		}
		io.WriteString(f.Stdout, line)
	}
}

// errElsewhere says that the controller wants bytes that were sent before.
var errElsewhere = errors.New("the controller loses what is sent to it")

// pushing sends an archive as it is written, in parts.
type pushing struct {
	ctx    context.Context
	client *api.Client
	want   api.UploadRequest
	say    func(done int64)
	again  int
	// pauseUnit is the pause after the first failure.
	pauseUnit time.Duration

	skip int64 // bytes that the controller has
	at   int64 // where part begins
	part []byte
}

// from packs and sends an archive from a byte on.
func (w *pushing) from(offset int64, p packedBundle) error {
	w.skip, w.at, w.part = offset, offset, w.part[:0]
	files, err := p.files()
	if err != nil {
		return err
	}
	contents, err := packing.Pack(w, files)
	if err != nil {
		return err
	}
	if contents.Hash != p.contents.Hash {
		return errors.New("its files have changed while they were read: try again")
	}
	complete, err := w.send()
	if err == nil && !complete {
		err = errElsewhere
	}
	return err
}

// Write implements io.Writer.
func (w *pushing) Write(b []byte) (int, error) {
	n := len(b)
	if skipped := min(w.skip, int64(n)); skipped > 0 {
		w.skip -= skipped
		b = b[skipped:]
	}
	for len(b) > 0 {
		room := min(api.MaxUploadPart-len(w.part), len(b))
		w.part = append(w.part, b[:room]...)
		b = b[room:]
		if len(w.part) == api.MaxUploadPart && w.at+int64(len(w.part)) < w.want.Size {
			if _, err := w.send(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// send sends the part that is there. If that fails, it asks the controller how much has
// arrived, and goes on there.
func (w *pushing) send() (complete bool, err error) {
	for try := 0; ; {
		u, err := w.client.PushPart(w.ctx, w.want.Hash, w.at, w.part)
		if problem, ok := errors.AsType[*api.Problem](err); ok && problem.Status != http.StatusConflict && problem.Status != http.StatusRequestTimeout && problem.Status != http.StatusServiceUnavailable {
			return false, err
		}
		if err != nil {
			if try++; try >= pushTries || !w.pause(try) {
				return false, err
			}
			if u, err = w.client.BeginPush(w.ctx, w.want); err != nil {
				continue // the controller is away for a moment
			}
		}
		if u.Offset > w.at {
			try = 0
		}
		switch end := w.at + int64(len(w.part)); {
		case u.Complete || u.Offset == end:
			w.at, w.part = end, w.part[:0]
			w.say(end)
			return u.Complete, nil
		case u.Offset < w.at || u.Offset > end:
			return false, errElsewhere
		default:
			w.part = slices.Delete(w.part, 0, int(u.Offset-w.at))
			w.at = u.Offset
		}
	}
}

// pause waits before another try. It reports whether the user still wants it.
func (w *pushing) pause(try int) bool {
	t := time.NewTimer(time.Duration(try*try) * w.pauseUnit)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.ctx.Done():
		return false
	}
}
