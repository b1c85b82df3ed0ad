package web

import (
	"embed"
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
)

// exampleFiles have a file for each operation that has a body or answers with one: a JSON
// object with the request and the answer. The answer of an operation that answers with text is
// a string.
//
//go:embed examples/*.json
var exampleFiles embed.FS

// addExamples adds the examples to the description.
func (a *routes) addExamples() error {
	for _, methods := range a.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{methods.Get, methods.Post, methods.Put, methods.Delete, methods.Patch} {
			if op == nil {
				continue
			}
			if err := addExample(op); err != nil {
				return fmt.Errorf("the example of %s: %w", op.OperationID, err)
			}
		}
	}
	return nil
}

// addExample adds the example of an operation, if it has one.
func addExample(op *huma.Operation) error {
	text, err := exampleFiles.ReadFile("examples/" + op.OperationID + ".json")
	if err != nil {
		return nil // a test says which operations need one
	}
	var example struct{ Request, Answer any }
	if err := json.Unmarshal(text, &example); err != nil {
		return err
	}
	if op.RequestBody != nil {
		for _, media := range op.RequestBody.Content {
			media.Example = example.Request
		}
	}
	for status, answer := range op.Responses {
		if status[0] != '2' {
			continue
		}
		for _, media := range answer.Content {
			media.Example = example.Answer
		}
	}
	return nil
}
