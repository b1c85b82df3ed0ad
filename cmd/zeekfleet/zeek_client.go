package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/internal/dropin"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// asZeekClient reports whether the program was started under the name zeek-client.
func asZeekClient() bool { return filepath.Base(os.Args[0]) == dropin.Program }

// runZeekClient executes the command line as zeek-client does.
func runZeekClient(ctx context.Context, args []string, s streams) int {
	collectLate()
	hostname, _ := os.Hostname() // dropin.Host accepts an empty name
	return dropin.Run(ctx, args, dropin.Host{
		Stdin: s.in, Stdout: s.out, Stderr: s.err, ReadFile: settings.ReadFile, LookupEnv: os.LookupEnv,
		DefaultFiles: append(besideZeekClient(os.Args[0]), clientConfigFiles()...),
		Hostname:     hostname, AppName: appName(), AskPassphrase: askPassphrase,
	})
}

// besideZeekClient returns the settings file that a zeek-client at the path program reads:
// etc/zeek-client.cfg below the directory where Zeek is installed.
func besideZeekClient(program string) []string {
	path, err := exec.LookPath(program)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil
	}
	return []string{filepath.Join(filepath.Dir(filepath.Dir(path)), "etc", "zeek-client.cfg")}
}
