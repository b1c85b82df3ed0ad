package fakezeek

import (
	"bufio"
	"context"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// This file imitates ZeroMQ's CURVE mechanism: a process joins the cluster only if it
// proves that it has the client's secret key and knows the server's public key. The
// messages are our own. The proof is an HMAC with the secret that both sides compute
// from the keys.
//
// The server sends "CURVE <nonce>" or, without keys, "NULL". The client answers with the
// same word, with the proof, and with its name. The server then sends "READY" or "400".

// curve are the keys of a process, nil for a key that it lacks.
type curve struct {
	serverSecret, clientSecret *ecdh.PrivateKey
	serverPublic, clientPublic *ecdh.PublicKey
}

// curveKeys returns the keys from the environment, or nil without keys. Zeek has used
// them from 8.2 on.
func (z *zeek) curveKeys() (*curve, error) {
	const prefix = "ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_"
	if !z.version.atLeast(8, 2) || z.env(prefix+"SERVER_PUBLICKEY") == "" {
		return nil, nil
	}
	var k curve
	var errs [4]error
	k.serverPublic, errs[0] = ecdh.X25519().NewPublicKey(decodeZ85(z.env(prefix + "SERVER_PUBLICKEY")))
	k.clientPublic, errs[1] = ecdh.X25519().NewPublicKey(decodeZ85(z.env(prefix + "CLIENT_PUBLICKEY")))
	k.clientSecret, errs[2] = ecdh.X25519().NewPrivateKey(decodeZ85(z.env(prefix + "CLIENT_SECRETKEY")))
	if text := z.env(prefix + "SERVER_SECRETKEY"); text != "" {
		k.serverSecret, errs[3] = ecdh.X25519().NewPrivateKey(decodeZ85(text))
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fatalf("ZeroMQ: bad CURVE keys: %v", err)
	}
	return &k, nil
}

// decodeZ85 reads Z85 (ZeroMQ RFC 32). It returns nil for another text.
func decodeZ85(text string) (data []byte) {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
	for ; len(text) >= 5; text = text[5:] {
		var n uint32
		for i := range 5 {
			digit := strings.IndexByte(digits, text[i])
			if digit < 0 {
				return nil
			}
			n = n*85 + uint32(digit)
		}
		data = append(data, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return data
}

func proof(secret *ecdh.PrivateKey, public *ecdh.PublicKey, nonce string) string {
	shared, err := secret.ECDH(public)
	if err != nil {
		return ""
	}
	mac := hmac.New(sha256.New, shared)
	mac.Write([]byte(nonce))
	return hex.EncodeToString(mac.Sum(nil))
}

// serveProxy accepts the nodes of the cluster until ctx is done.
func (n *node) serveProxy(ctx context.Context, ln net.Listener, k *curve) {
	var peers sync.WaitGroup
	defer peers.Wait()
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		peers.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			in := bufio.NewReader(conn)
			if name, ok := admit(conn, in, k); ok {
				n.notePeer(name)
				in.ReadByte() // until the peer is gone
			}
		})
	}
}

// admit does the server's part of the handshake.
func admit(conn net.Conn, in *bufio.Reader, k *curve) (name string, ok bool) {
	offer := "NULL"
	if k != nil {
		var nonce [16]byte
		rand.Read(nonce[:])
		offer = "CURVE " + hex.EncodeToString(nonce[:])
	}
	fmt.Fprintln(conn, offer)
	line, err := in.ReadString('\n')
	if err != nil {
		return "", false
	}
	words := strings.Fields(line)
	switch {
	case k == nil && len(words) == 2 && words[0] == "NULL":
		name, ok = words[1], true
	case k != nil && len(words) == 3 && words[0] == "CURVE":
		want := proof(k.serverSecret, k.clientPublic, offer)
		name, ok = words[2], want != "" && hmac.Equal([]byte(words[1]), []byte(want))
	}
	if !ok {
		fmt.Fprintln(conn, "400")
		return "", false
	}
	fmt.Fprintln(conn, "READY")
	return name, true
}

// notePeer appends the name of a node that has joined to the file of FAKEZEEK_PEERS.
func (n *node) notePeer(name string) {
	if n.peers == "" {
		return
	}
	f, err := os.OpenFile(n.peers, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, name)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		fmt.Fprintln(n.err, err)
	}
}

// join keeps a connection with the proxy until ctx is done. A proxy that refuses the
// node ends it, as Zeek's script does.
func (n *node) join(ctx context.Context, k *curve) {
	endpoint := n.str("Cluster::Backend::ZeroMQ::connect_xpub_endpoint")
	for ctx.Err() == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(endpoint, "tcp://"))
		if err == nil {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			event := n.shakeHands(conn, k)
			stop()
			conn.Close()
			if event != "" && ctx.Err() == nil {
				script := n.scriptDir() + "/policy/frameworks/cluster/backend/zeromq/main.zeek"
				n.failed <- fatal{fmt.Sprintf("fatal error in %s, line 694: ZeroMQ: Handshake for socket %s failed: event=%s", script, endpoint, event)}
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// shakeHands does the client's part of the handshake, and returns when the connection
// has ended. event is not empty if the handshake failed.
func (n *node) shakeHands(conn net.Conn, k *curve) (event string) {
	const protocol, auth = "0x2000 value=285212674", "0x4000 value=400"
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	if err != nil {
		return "" // the proxy has gone, or is none
	}
	offer := strings.TrimSpace(line)
	if curved := strings.HasPrefix(offer, "CURVE "); curved != (k != nil) {
		return protocol
	}
	if k == nil {
		fmt.Fprintf(conn, "NULL %s\n", n.name)
	} else {
		fmt.Fprintf(conn, "CURVE %s %s\n", proof(k.clientSecret, k.serverPublic, offer), n.name)
	}
	if line, err = in.ReadString('\n'); err == nil && strings.TrimSpace(line) != "READY" {
		return auth
	}
	in.ReadByte() // until the proxy is gone
	return ""
}
