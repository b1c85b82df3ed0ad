package ui

import (
	"fmt"
	"time"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// figureNames are the names of figures for people.
var figureNames = map[string]string{
	"cpu": "CPU", "memory": "Memory", "packets": "Packets", "dropped": "Dropped packets", "drop_share": "Dropped",
	"lag": "Lag", "events": "Events", "bits": "Traffic", "busy": "Processors at work",
}

func figureName(figure string) string {
	if name, ok := figureNames[figure]; ok {
		return name
	}
	return figure
}

// figureText returns a point of a figure as text.
func figureText(unit string, v *float64) string {
	if v == nil {
		return "–"
	}
	switch unit {
	case "1":
		return percent(*v)
	case "bytes":
		return bytesText(uint64(max(*v, 0)))
	case "s":
		return fmt.Sprintf("%.1f s", *v)
	case "processors":
		return fmt.Sprintf("%.2f", *v)
	case "bit/s":
		return bitRate(*v)
	}
	return rate(*v) + "/s"
}

// charts are drawn by the script: one for each of these figures.
func charts(n Node) g.Node {
	return h.Div(h.Class("charts"), h.Data("instance", n.Instance), h.Data("node", n.Name), h.Data("figures", "packets,drop_share,cpu,memory"), h.Attr("hidden"))
}

// historyTable shows figures over some time as a table: for whoever runs no scripts or sees no
// charts.
func historyTable(list []api.SampleHistory) g.Node {
	var tables g.Group
	for _, one := range list {
		if len(one.Series) == 0 || len(one.Series[0].Points) == 0 {
			continue
		}
		headings := []string{"Time"}
		for _, s := range one.Series {
			headings = append(headings, "#"+figureName(s.Figure))
		}
		var rows g.Group
		for i := range one.Series[0].Points {
			at := one.Start.Add(time.Duration(float64(i) * one.Step * float64(time.Second)))
			row := g.Group{h.Td(h.Class("time"), h.Text(at.UTC().Format("15:04")))}
			for _, s := range one.Series {
				text := "–"
				if i < len(s.Points) {
					text = figureText(s.Unit, s.Points[i])
				}
				row = append(row, num(text))
			}
			rows = append(rows, h.Tr(row))
		}
		tables = append(tables, tableOf("Figures of the last hour", headings, h.TBody(rows)))
	}
	if len(tables) == 0 {
		return none("Nothing was measured in the last hour.")
	}
	return h.Details(h.Summary(h.Text("As a table")), tables)
}
