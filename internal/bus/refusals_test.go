package bus

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSourceThatIsRefusedEverySecondIsLoggedAFewTimesAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log := slog.New(slog.NewTextHandler(&text, nil))
		r := refusals{limit: 2}
		one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		for n := range 3600 {
			r.refused(log, one, fmt.Errorf("read 192.0.2.1:%d: bad certificate", n))
			time.Sleep(time.Second)
		}
		r.refused(log, other, errors.New("of another source"))
		r.accepted(one)
		r.refused(log, one, errors.New("bad certificate"))
		got := strings.Count(text.String(), "bad certificate")
		if got != 4 || !strings.Contains(text.String(), "of another source") {
			t.Errorf("logged %d times:\n%s", got, &text)
		}
	})
}

func TestRefusalsOfManySourcesAreBounded(t *testing.T) {
	r := refusals{limit: 2}
	now := time.Unix(0, 0)
	for n := range 5 {
		r.add(now.Add(time.Duration(n)), netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), errors.New("no"))
	}
	if _, kept := r.by[netip.MustParseAddr("192.0.2.4")]; len(r.by) != 2 || !kept {
		t.Errorf("remembers %d sources", len(r.by))
	}
}
