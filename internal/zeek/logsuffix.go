package zeek

import "fmt"

// LogSuffix returns what the node's rotation adds to the names of its logs,
// "" for nothing: whoever archives the logs that a dead node has left needs it.
func (d Deployment) LogSuffix() (string, error) {
	c, err := d.cluster()
	if err != nil {
		return "", fmt.Errorf("tell how node %s names its logs: %w", d.Plan.Node.Name, err)
	}
	return c.logSuffix(), nil
}
