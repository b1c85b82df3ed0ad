package mgmt

import (
	"fmt"
	"strings"
)

// FewNames names the first names of a list, and says how many more there are:
// "a, b and 3 more".
func FewNames[T ~string](names []T, most int) string {
	var few []string
	for _, name := range names[:min(len(names), most)] {
		few = append(few, string(name))
	}
	text := strings.Join(few, ", ")
	if more := len(names) - len(few); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// FewTexts joins the first texts of a list, and says how many more there are:
// "a; b; and 3 more".
func FewTexts(texts []string, most int, separator string) string {
	more := len(texts) - most
	if more <= 0 {
		return strings.Join(texts, separator)
	}
	return strings.Join(texts[:most], separator) + separator + fmt.Sprintf("and %d more", more)
}
