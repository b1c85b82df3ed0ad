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
	return FewTextsOf(texts[:min(len(texts), most)], len(texts), separator)
}

// FewTextsOf is FewTexts for the first texts of a list that has so many.
func FewTextsOf(first []string, all int, separator string) string {
	text := strings.Join(first, separator)
	if more := all - len(first); more > 0 {
		text += separator + fmt.Sprintf("and %d more", more)
	}
	return text
}
