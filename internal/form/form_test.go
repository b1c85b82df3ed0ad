package form_test

import (
	"errors"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/form"
)

func TestVersion(t *testing.T) {
	tests := map[string]struct {
		text string
		want int
		err  string
	}{
		"no version is form 0":          {`{"name":"a"}`, 0, ""},
		"a string is form 0":            {`{"version":"8.2.2"}`, 0, ""},
		"the first form with a version": {`{"version":1}`, 1, ""},
		"the newest known form":         {`{"name":"a","version":2}`, 2, ""},
		"a newer form":                  {`{"version":3,"more":{}}`, 0, "written by a newer zeekfleet (form 3, known are up to 2); run that zeekfleet, or a later one"},
		"a negative number":             {`{"version":-1}`, 0, "-1 is not the number of a form"},
		"zero":                          {`{"version":0}`, 0, "0 is not the number of a form"},
		"a fraction":                    {`{"version":1.5}`, 0, "1.5 is not the number of a form"},
		"no object":                     {`[]`, 0, "not a JSON object: json: cannot unmarshal array into Go value of type struct { Version json.RawMessage \"json:\\\"version\\\"\" }"},
		"null":                          {` null`, 0, "not a JSON object: null"},
		"nothing":                       {``, 0, "not a JSON object: unexpected end of JSON input"},
		"a truncated object":            {`{"version":1`, 0, "not a JSON object: unexpected end of JSON input"},
		"text after the object":         {`{"version":1} {}`, 0, "not a JSON object: invalid character '{' after top-level value"},
		"a version of an inner object":  {`{"inner":{"version":3}}`, 0, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := form.Version([]byte(test.text), 2)
			if got != test.want || text(err) != test.err {
				t.Errorf("got %d, %q, want %d, %q", got, text(err), test.want, test.err)
			}
		})
	}
}

func TestVersionOfANewerFormIsANewerError(t *testing.T) {
	_, err := form.Version([]byte(`{"version":7}`), 1)
	newer, ok := errors.AsType[*form.NewerError](err)
	if !ok || *newer != (form.NewerError{Form: 7, Known: 1}) {
		t.Errorf("got %v", err)
	}
}

func TestDecodeRefusesUnknownFields(t *testing.T) {
	tests := map[string]string{
		`{"name":"a","inner":{"x":1}}`:         "",
		`{"name":"a"}` + "\n":                  "",
		`{"name":"a","nane":"b"}`:              `json: unknown field "nane"`,
		`{"name":"a","inner":{"x":1,"y":2}}`:   `json: unknown field "y"`,
		`{"name":"a"}{"name":"b"}`:             "something follows the JSON object",
		`{"name":1}`:                           "json: cannot unmarshal number into Go struct field .name of type string",
		`{"name":"a","inner":{"x":1}} garbage`: "something follows the JSON object",
	}
	for in, want := range tests {
		var v struct {
			Name  string `json:"name"`
			Inner struct {
				X int `json:"x"`
			} `json:"inner"`
		}
		if err := form.Decode([]byte(in), &v); text(err) != want {
			t.Errorf("%s: got %q, want %q", in, text(err), want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
