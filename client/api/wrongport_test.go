package api_test

import (
	"net"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// TestProgramsThatDoNotSpeakHTTP asks programs that listen on the port that somebody has
// taken for the controller's.
func TestProgramsThatDoNotSpeakHTTP(t *testing.T) {
	for said, want := range map[string]string{
		"SSH-2.0-OpenSSH_9.2\r\n":                `has no HTTP API of zeekfleet: it does not speak HTTP, and has said "SSH-2.0-OpenSSH_9.2": name the controller's port for clients, by default 2149`,
		strings.Repeat("x", 2000) + "\r\n":       `…: name the controller's port for clients, by default 2149`,
		"\a\x00\x00\x00\x1aZEEK\x01\x02\x03\r\n": `name the controller's port for clients, by default 2149`,
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				conn.Write([]byte(said))
				conn.Read(make([]byte, 4096)) // the request; the answer is on its way
				conn.Close()
			}
		}()
		client, err := api.New(api.Config{Address: ln.Addr().String()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.WhoAmI(t.Context())
		if err == nil || !strings.HasSuffix(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("%.30q: %v", said, err)
		}
		client.Close()
		ln.Close()
	}
}
