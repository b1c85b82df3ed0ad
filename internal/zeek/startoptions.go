package zeek

import (
	"fmt"
	"slices"
)

// startFiles returns the script with the node's RunOptions, and the files that it loads
// unless the node script has them. A node without RunOptions has no such files.
func (d *Deployment) startFiles() []File {
	if len(d.Plan.Node.RunOptions) == 0 {
		return nil
	}
	files := []File{{startFile, 0o600, d.startOptions()}} // values can be secrets
	if d.nodeScript() != OurNodeScript {
		files = slices.Concat(files, runOptionScripts())
	}
	return files
}

// startOptions renders the options that the node has from its start. It is loaded last, so
// that a check of the scripts knows the options of all scripts.
func (d *Deployment) startOptions() string {
	s := &script{}
	fmt.Fprintf(s, "# Options that node %s has from its start, made by zeekfleet.\n", quote(string(d.Plan.Node.Name)))
	s.WriteString("@load ./zeekfleet-runoption\n\nmodule Fleet::Node;\n\nredef start_options += {\n")
	for _, o := range d.Plan.Node.RunOptions {
		fmt.Fprintf(s, "\t[%s] = %s,\n", quote(o.Name), quote(o.Value))
	}
	s.WriteString("};\n\n" +
		"# A check of the scripts checks these options, too.\n" +
		"@if ( getenv(\"ZEEKCTL_CHECK_CONFIG\") == \"1\" && ! check_start_options() )\n@endif\n")
	return s.String()
}
