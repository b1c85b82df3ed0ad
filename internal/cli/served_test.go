package cli

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

func TestProgramOfAStrangerIsNotTheController(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	at := netip.MustParseAddrPort(ln.Addr().String())
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "hello")
			conn.Close()
		}
	}()
	const stranger = 4294967000
	listens := func(addr string, uid uint32) sockowner.Socket {
		return sockowner.Socket{At: netip.AddrPortFrom(netip.MustParseAddr(addr), at.Port()), Owner: sockowner.Owner{UID: uid, Inode: 1}}
	}
	self := uint32(os.Geteuid())
	for name, test := range map[string]struct {
		user      string
		elsewhere bool
		listening []sockowner.Socket
		owner     uint32
		ownerErr  error
		wrong     string
	}{
		"root's":                          {listening: []sockowner.Socket{listens("127.0.0.1", 0)}},
		"one's own":                       {listening: []sockowner.Socket{listens("0.0.0.0", self)}, owner: self},
		"a stranger's":                    {listening: []sockowner.Socket{listens("127.0.0.1", stranger)}, owner: stranger, wrong: `that of user "4294967000"`},
		"a stranger's at all addresses":   {listening: []sockowner.Socket{listens("::", stranger)}, owner: stranger, wrong: "that of user"},
		"a stranger's at another address": {listening: []sockowner.Socket{listens("127.0.0.1", 0), listens("127.0.0.2", stranger)}},
		"of the named user":               {user: "4294967000", listening: []sockowner.Socket{listens("127.0.0.1", stranger)}, owner: stranger},
		"of another user than the named":  {user: "daemon", listening: []sockowner.Socket{listens("127.0.0.1", stranger)}, wrong: "that of user"},
		"a stranger who has left":         {listening: []sockowner.Socket{listens("127.0.0.1", 0)}, owner: stranger, wrong: "that of user"},
		"a stranger who has gone":         {ownerErr: sockowner.ErrOrphan, wrong: "does not say whose program"},
		"root's that has closed":          {listening: []sockowner.Socket{listens("127.0.0.1", 0)}, ownerErr: sockowner.ErrOrphan},
		"nobody's that is found":          {ownerErr: sockowner.ErrElsewhere, wrong: "does not say whose program"},
		"root's that is not found":        {listening: []sockowner.Socket{listens("127.0.0.1", 0)}, ownerErr: sockowner.ErrElsewhere},
		"no answer of the kernel":         {ownerErr: errors.New("no answer"), wrong: "no answer"},
		"a stranger's on another host":    {elsewhere: true, listening: []sockowner.Socket{listens("127.0.0.1", stranger)}, owner: stranger},
	} {
		t.Run(name, func(t *testing.T) {
			k := connector{
				test.user, nil, func(netip.Addr) bool { return !test.elsewhere }, func() []sockowner.Socket { return test.listening },
				func(server, _ netip.AddrPort) (sockowner.Owner, error) {
					if server != at {
						t.Errorf("the owner of %v is asked for, want %v", server, at)
					}
					return sockowner.Owner{UID: test.owner, Inode: 1}, test.ownerErr
				},
			}
			conn, err := k.connect(t.Context(), at.String())
			if err == nil {
				defer conn.Close()
				var text []byte
				if text, err = io.ReadAll(conn); err == nil && string(text) != "hello" || err != nil && len(text) > 0 {
					t.Errorf("read %q, %v", text, err)
				}
			}
			if got := textOf(err); test.wrong == "" && err != nil || !strings.Contains(got, test.wrong) {
				t.Errorf("got %q, want %q", got, test.wrong)
			}
		})
	}
}

// A controller may run as a user of its own, and root asks it as before.
func TestProgramOfAnotherUserIsDoubtedAndAsked(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "hello")
			conn.Close()
		}
	}()
	for uid, want := range map[uint32]string{
		4294967000: `that of user "4294967000", and not root's or your own`,
		0:          "",
	} {
		var doubts []string
		k := newConnector("", func(why error) { doubts = append(doubts, why.Error()) })
		k.owner = func(_, _ netip.AddrPort) (sockowner.Owner, error) { return sockowner.Owner{UID: uid, Inode: 1}, nil }
		conn, err := k.connect(t.Context(), ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(conn)
		conn.Close()
		if string(text) != "hello" || err != nil {
			t.Errorf("user %d: read %q, %v", uid, text, err)
		}
		if got := strings.Join(doubts, "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("user %d: doubts %q, want %q", uid, got, want)
		}
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTheSystemsUser(t *testing.T) {
	for _, tt := range []struct {
		name string
		uid  uint32
		want bool
	}{{"zeekfleet", 998, true}, {"zeekfleet", 1000, false}, {"zeek", 998, false}, {"998", 998, false}} {
		if got := isSystems(tt.name, tt.uid); got != tt.want {
			t.Errorf("user %s, %d: %v, want %v", tt.name, tt.uid, got, tt.want)
		}
	}
}
