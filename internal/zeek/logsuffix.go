package zeek

import "fmt"

// LogSuffix returns the suffix that the node's rotation adds to the names of its
// logs, or "" for none. The agent needs it to archive the logs that a dead node
// left.
func (d Deployment) LogSuffix() (string, error) {
	c, err := d.cluster()
	if err != nil {
		return "", fmt.Errorf("tell how node %s names its logs: %w", d.Plan.Node.Name, err)
	}
	return c.logSuffix(), nil
}
