package controller_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var roles = map[string]mgmt.ClusterRole{
	"manager": mgmt.Manager, "logger": mgmt.Logger, "proxy": mgmt.Proxy, "worker": mgmt.Worker, "none": mgmt.ClusterNone,
}

// parseCluster reads "NAME INSTANCE... | NODE...".
func parseCluster(words []string) (mgmt.Configuration, error) {
	c := mgmt.Configuration{ID: words[0]}
	bar := slices.Index(words, "|")
	if bar < 0 {
		return c, fmt.Errorf("no |")
	}
	for _, word := range words[1:bar] {
		name, where, _ := strings.Cut(word, "@")
		in := mgmt.Instance{Name: mgmt.InstanceName(name), Host: mgmt.UnknownHost}
		if addr, err := netip.ParseAddrPort(where); err == nil {
			in.Host, in.ListenPort = addr.Addr(), new(mgmt.TCPPort(addr.Port()))
		} else if where != "" {
			if in.Host, err = netip.ParseAddr(where); err != nil {
				return c, err
			}
		}
		c.Instances = append(c.Instances, in)
	}
	for _, word := range words[bar+1:] {
		name, rest, _ := strings.Cut(word, ":")
		role, rest, _ := strings.Cut(rest, "@")
		instance, port, hasPort := strings.Cut(rest, ":")
		n := mgmt.Node{Name: mgmt.NodeName(name), Instance: mgmt.InstanceName(instance), Role: roles[role], State: mgmt.Running}
		if hasPort {
			number, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				return c, err
			}
			n.Port = new(mgmt.TCPPort(uint16(number)))
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c, nil
}

// client plays "C REQUEST ID ARGS...".
func (s *stage) client(args []string) error {
	client, id := mgmt.PeerID(args[0]), mgmt.ReqID("")
	if len(args) > 2 {
		id, args = mgmt.ReqID(args[2]), append(args[:2:2], args[3:]...)
	}
	var msg mgmt.Message
	switch request, rest := args[1], args[2:]; request {
	case "stage":
		c, ok := s.clusters[rest[0]]
		if !ok {
			return fmt.Errorf("no cluster %s", rest[0])
		}
		msg = mgmt.StageConfigurationRequest{ReqID: id, Config: c}
	case "deploy":
		var err error
		if msg, err = deployRequest(id, rest); err != nil {
			return err
		}
	case "get_configuration":
		msg = mgmt.GetConfigurationRequest{ReqID: id, Deployed: rest[0] == "deployed"}
	case "get_instances":
		msg = mgmt.GetInstancesRequest{ReqID: id}
	case "get_nodes":
		msg = mgmt.GetNodesRequest{ReqID: id}
	case "get_id_value":
		msg = mgmt.GetIDValueRequest{ReqID: id, ID: rest[0], Nodes: nodeNames(rest[1:])}
	case "restart":
		msg = mgmt.RestartRequest{ReqID: id, Nodes: nodeNames(rest)}
	case "test_timeout":
		msg = mgmt.TestTimeoutRequest{ReqID: id, WithState: rest[0] == "with"}
	case "agents_ready":
		msg = mgmt.NotifyAgentsReady{}
	case "deploy_response":
		msg = mgmt.DeployResponse{ReqID: id}
	default:
		return fmt.Errorf("unknown request %s", request)
	}
	s.step(controller.FromClient{Client: client, Msg: msg})
	return nil
}

// deployRequest reads what a deployment is to respect.
func deployRequest(id mgmt.ReqID, words []string) (mgmt.Message, error) {
	if len(words) == 0 {
		return mgmt.DeployRequest{ReqID: id}, nil
	}
	msg := mgmt.StagedDeployRequest{ReqID: id}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "partial":
			msg.Partial = true
		case "of":
			msg.ID = value
		case "patience":
			d, err := time.ParseDuration(value)
			if err != nil {
				return nil, err
			}
			msg.Patience = d
		default:
			return nil, fmt.Errorf("unknown condition %s", word)
		}
	}
	return msg, nil
}

func nodeNames(words []string) []mgmt.NodeName {
	var names []mgmt.NodeName
	for _, w := range words {
		names = append(names, mgmt.NodeName(w))
	}
	return names
}

// agent plays "P KIND ANSWER... [for Q] [as INSTANCE]".
func (s *stage) agent(args []string) error {
	peer, kind, answers := mgmt.PeerID(args[0]), args[1], args[2:]
	instance, whose := s.instances[peer], peer
	for len(answers) >= 2 {
		option, value := answers[len(answers)-2], answers[len(answers)-1]
		if option == "for" {
			whose = mgmt.PeerID(value)
		} else if option == "as" {
			instance = mgmt.InstanceName(value)
		} else {
			break
		}
		answers = answers[:len(answers)-2]
	}
	request, ok := s.asked[whose][kind]
	var msg mgmt.Message
	switch kind {
	case "complains":
		msg = mgmt.NotifyError{Instance: instance, Node: mgmt.NodeName(answers[0]), Msg: answers[1]}
	case "logs":
		msg = mgmt.NotifyLog{Instance: instance, Node: mgmt.NodeName(answers[0]), Msg: answers[1]}
	case "changed":
		msg = mgmt.NotifyChange{Instance: instance, Node: mgmt.Node{Name: mgmt.NodeName(answers[0])},
			Old: mgmt.State(answers[1]), New: mgmt.State(answers[2])}
	default:
		if !ok {
			return fmt.Errorf("nobody asked %s of %s", kind, whose)
		}
		var err error
		if msg, err = answerTo(instance, kind, request, answers); err != nil {
			return err
		}
	}
	s.step(controller.FromAgent{Peer: peer, Instance: instance, Msg: msg})
	return nil
}

func answerTo(instance mgmt.InstanceName, kind string, request asked, answers []string) (mgmt.Message, error) {
	var results []mgmt.Result
	for _, word := range answers {
		if word == "all" {
			results = append(results, allOf(instance, request.msg)...)
			continue
		}
		r, err := parseResult(word)
		if err != nil {
			return nil, err
		}
		r.ReqID, r.Instance = request.id, instance
		results = append(results, r)
	}
	first := mgmt.Result{}
	if len(results) > 0 {
		first = results[0]
	}
	switch kind {
	case "welcome":
		return mgmt.AgentWelcomeResponse{ReqID: request.id, Result: first}, nil
	case "standby":
		return mgmt.AgentStandbyResponse{ReqID: request.id, Result: first}, nil
	case "prepare":
		return mgmt.AgentPrepareResponse{ReqID: request.id, Results: results}, nil
	case "deploy":
		return mgmt.AgentDeployResponse{ReqID: request.id, Results: results}, nil
	case "nodes":
		return mgmt.AgentGetNodesResponse{ReqID: request.id, Result: first}, nil
	case "dispatch":
		return mgmt.AgentDispatchResponse{ReqID: request.id, Results: results}, nil
	case "restart":
		return mgmt.AgentRestartResponse{ReqID: request.id, Results: results}, nil
	}
	return nil, fmt.Errorf("unknown kind %s", kind)
}

// allOf is what an agent answers to a deployment that succeeded.
func allOf(instance mgmt.InstanceName, request mgmt.Message) []mgmt.Result {
	deploy, ok := request.(mgmt.AgentDeployRequest)
	if !ok {
		return nil
	}
	var results []mgmt.Result
	for _, n := range deploy.Config.NodesOf(instance) {
		results = append(results, mgmt.Result{ReqID: deploy.ReqID, Success: true, Instance: instance, Node: n.Name})
	}
	return results
}

// parseResult reads "ok|fail[:NODE][:DATA]". DATA is an error text of a failure;
// of a success it is a value, or "bad" for data of the wrong type, or node
// states "a/RUNNING,b/CRASHED".
func parseResult(word string) (mgmt.Result, error) {
	verdict, rest, _ := strings.Cut(word, ":")
	node, data, _ := strings.Cut(rest, ":")
	r := mgmt.Result{Success: verdict == "ok", Node: mgmt.NodeName(node)}
	switch {
	case verdict != "ok" && verdict != "fail":
		return r, fmt.Errorf("neither ok nor fail: %s", word)
	case data == "bad":
		r.Data = mgmt.BadData{Reason: "data is a count"}
	case !r.Success && strings.HasPrefix(data, "output="):
		r.Data = mgmt.NodeOutputs{Stderr: strings.TrimPrefix(data, "output=")}
	case !r.Success:
		r.Error = data
	case strings.Contains(data, "/"):
		statuses := mgmt.NodeStatuses{}
		for status := range strings.SplitSeq(data, ",") {
			name, state, _ := strings.Cut(status, "/")
			if name != "" {
				statuses = append(statuses, mgmt.NodeStatus{Node: mgmt.NodeName(name), State: mgmt.State(state)})
			}
		}
		r.Data = statuses
	case data != "":
		r.Data = mgmt.Text(data)
	}
	return r, nil
}
