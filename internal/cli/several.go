package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// addresses returns the addresses of all controllers of a context, that which has answered
// last first.
func (c *Context) addresses() []string { return append([]string{c.Controller}, c.Others...) }

// splitAddresses reads the addresses of controllers of one cluster, which commas part.
// Without a port, an address has that of the API.
func splitAddresses(text string) (first string, others []string, err error) {
	var list []string
	for one := range strings.SplitSeq(text, ",") {
		address, err := api.JoinPort(strings.TrimSpace(one))
		if err != nil {
			return "", nil, err
		}
		if !slices.Contains(list, address) {
			list = append(list, address)
		}
	}
	if len(list) > api.MaxAddresses {
		return "", nil, fmt.Errorf("there are %d addresses of controllers, at most %d are allowed", len(list), api.MaxAddresses)
	}
	return list[0], list[1:], nil
}

// learned returns the addresses that a context has from now on: first that of the controller
// which has answered, then those that the controllers tell, the first of each before the
// second ones. Without what they tell, they are those that were known.
func learned(answered string, told *api.Controllers, known []string) (first string, others []string) {
	list := []string{answered}
	add := func(address string) {
		address, err := api.JoinPort(address)
		if err == nil && !slices.Contains(list, address) && len(list) < api.MaxAddresses {
			list = append(list, address)
		}
	}
	if told == nil {
		for _, address := range known {
			add(address)
		}
		return list[0], list[1:]
	}
	most := 0
	for _, m := range told.Members {
		most = max(most, len(m.Clients))
	}
	for i := range most {
		for _, m := range told.Members {
			if i < len(m.Clients) {
				add(m.Clients[i])
			}
		}
	}
	return list[0], list[1:]
}

// several reports whether a cluster has several controllers.
func several(told *api.Controllers) bool { return told != nil && len(told.Members) > 1 }

// learnControllers stores in the context that was used what the command has learned of the
// controllers' addresses. It fails no command.
func learnControllers(c *Commands) {
	used := c.Settings.Context
	if used == nil || c.answered == "" {
		return
	}
	told := c.told
	switch {
	case several(told):
	case told != nil && len(used.Others) > 0: // there is one controller left
	case c.answered != used.Controller:
		told = nil
	default:
		return
	}
	first, others := learned(c.answered, told, used.addresses())
	if first == used.Controller && slices.Equal(others, used.Others) {
		return
	}
	if err := ContextsIn(filepath.Dir(used.Directory)).SetControllers(used.Name, first, others); err != nil {
		c.Log.Info("the addresses of the controllers are not stored in context %s: %v", quote(used.Name), err)
	}
}

// learnAfterLogin stores the addresses of all controllers in a new context. It does not fail
// the login.
func (s *Contexts) learnAfterLogin(ctx context.Context, name string, log *Log) {
	used, err := s.Find(name)
	if err != nil || used == nil {
		return
	}
	own, err := used.Credentials()
	if err != nil {
		return
	}
	client, err := api.New(api.Config{Address: used.Controller, Others: used.Others, TLS: own.TLS(used.Controller), Timeout: renewTimeout})
	if err != nil {
		return
	}
	defer client.Close()
	told, err := client.Controllers(ctx)
	if err != nil || !several(&told) {
		return
	}
	first, others := learned(client.Address(), &told, nil)
	if err := s.SetControllers(name, first, others); err != nil {
		log.Info("the addresses of the controllers are not stored: %v", err)
	}
}
