package bus

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// maxWrite bounds the bytes of one write.
const maxWrite = 256 << 10

// maxIdleWrite is the length up to which a writer that has nothing to send keeps its memory.
const maxIdleWrite = 4 << 10

// write sends the queued frames until the link is closed. It sends many small
// frames in one write, and a large frame in several writes. Each write must succeed
// within MaxSilence.
func (l *nativeLink) write() {
	var batch [][]byte
	var buf []byte
	for {
		select {
		case <-l.queue.wake:
		case <-l.done():
			return
		}
		batch = l.queue.take(batch[:0], maxWrite)
		l.weigh()
		buf = buf[:0]
		for i, frame := range batch {
			batch[i] = nil
			if len(batch) == 1 {
				buf = frame // no copy is needed
				break
			}
			if len(buf)+len(frame) > maxWrite {
				if !l.writeAll(buf) {
					return
				}
				buf = buf[:0]
			}
			if len(frame) > maxWrite {
				if !l.writeAll(frame) {
					return
				}
				continue
			}
			buf = append(buf, frame...)
		}
		if !l.writeAll(buf) {
			return
		}
		if (cap(buf) > maxIdleWrite || cap(batch) > maxIdleQueue) && l.queue.length() == 0 {
			buf, batch = nil, nil
		}
	}
}

// writeAll writes buf. If that fails, it closes the link and reports false.
func (l *nativeLink) writeAll(buf []byte) bool {
	for len(buf) > 0 {
		n := min(len(buf), maxWrite)
		l.conn.SetWriteDeadline(time.Now().Add(l.endpoint.cfg.MaxSilence))
		if _, err := l.conn.Write(buf[:n]); err != nil {
			l.close(writeError(err))
			return false
		}
		buf = buf[n:]
	}
	return true
}

// writeError returns the reason of a link's end from the error of a write.
func writeError(err error) error {
	if timedOut(err) {
		return fmt.Errorf("%w: it takes nothing", ErrSilent)
	}
	return readError(err)
}

func timedOut(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}
