package joined

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Controllers is the file in which an agent keeps where the controllers of its cluster accept
// agents, as one of them has told it. The zero value keeps nothing.
type Controllers struct {
	Path string
	// Cluster is the ID of the agent's cluster, or empty. What was kept in another cluster
	// does not count.
	Cluster string
}

// controllersFile is the name of the file.
const controllersFile = "controllers.json"

// ControllersIn returns the file in a directory: that of the agent, or of its credentials.
func ControllersIn(dir, cluster string) Controllers {
	return Controllers{Path: filepath.Join(dir, controllersFile), Cluster: cluster}
}

// Controllers returns the file of an agent that has joined a cluster.
func (d Dir) Controllers(cluster string) Controllers { return ControllersIn(string(d), cluster) }

// controllers1 is form 1 of the file. It has a seal.
type controllers1 struct {
	Version   int      `json:"version"`
	Cluster   string   `json:"cluster,omitempty"`
	Addresses []string `json:"addresses"`
}

// Load returns the addresses that were saved. There are none if the file is missing.
func (c Controllers) Load() ([]string, error) {
	if c.Path == "" {
		return nil, nil
	}
	text, err := durable.ReadRegular(c.Path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var f controllers1
	if err == nil {
		f, err = decode[controllers1](text, true)
	}
	if err == nil {
		err = checkControllers(f.Addresses)
	}
	if err != nil {
		return nil, fmt.Errorf("read the addresses of controllers %s: %w", c.Path, err)
	}
	if f.Cluster != c.Cluster {
		return nil, nil
	}
	return f.Addresses, nil
}

// Save keeps addresses in place of those before. After a crash at any moment, Load returns the
// old or the new ones.
func (c Controllers) Save(addresses []string) error {
	if c.Path == "" {
		return nil
	}
	err := checkControllers(addresses)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(c.Path), 0o700)
	}
	if err == nil {
		text := durable.Seal(form.Encode(controllers1{Version: currentForm, Cluster: c.Cluster, Addresses: addresses}))
		err = durable.Replace(c.Path, c.Path+".new", text)
	}
	if err != nil {
		return fmt.Errorf("save the addresses of controllers %s: %w", c.Path, err)
	}
	return nil
}

func checkControllers(addresses []string) error {
	if len(addresses) > mgmt.MaxControllers {
		return fmt.Errorf("%d controllers are more than %d", len(addresses), mgmt.MaxControllers)
	}
	for _, addr := range addresses {
		if err := CheckController(addr); err != nil {
			return err
		}
	}
	return nil
}

// maxAddress bounds the address of a controller, in bytes.
const maxAddress = 300

// CheckController returns an error unless addr is host:port of a controller.
func CheckController(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && host == "" {
		err = errors.New("it has no host")
	}
	if err == nil && len(addr) > maxAddress {
		err = fmt.Errorf("it has more than %d bytes", maxAddress)
	}
	if err == nil {
		var n uint64
		if n, err = strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			err = errors.New("its port is no number from 1 to 65535")
		}
	}
	if err != nil {
		return fmt.Errorf("%.100q is not the address and port of a controller: %v", addr, err)
	}
	return nil
}
