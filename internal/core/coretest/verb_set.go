package coretest

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
)

// "set FIELD=VALUE...": settings, before anything else; a FIELD of a field has a
// dot, as in Limits.Requests=3.
func (s *controllerStage) set(args *Args) error { return args.Settings(&s.cfg) }

// "set FIELD=VALUE...": settings, before anything else; a FIELD of a field has a
// dot, as in Backoff.GiveUp=3.
func (s *agentStage) set(args *Args) error { return args.Settings(&s.cfg) }

// Settings takes all words, each FIELD=VALUE of the struct that config points to.
func (a *Args) Settings(config any) error {
	for a.Left() > 0 {
		path, value, _ := strings.Cut(a.Next(), "=")
		if err := setPath(reflect.ValueOf(config).Elem(), path, value); err != nil {
			return fmt.Errorf("set %s: %w", path, err)
		}
	}
	return nil
}

var preflightModes = map[string]agent.PreflightMode{
	"off": agent.PreflightOff, "on": agent.PreflightOn, "strict": agent.PreflightStrict,
}

func setPath(v reflect.Value, path, value string) error {
	name, rest, _ := strings.Cut(path, ".")
	if v.Kind() == reflect.Map {
		element := reflect.New(v.Type().Elem()).Elem()
		err := setField(element, value)
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		v.SetMapIndex(reflect.ValueOf(path).Convert(v.Type().Key()), element)
		return err
	}
	f := v.FieldByName(name)
	switch mode, isMode := preflightModes[value]; {
	case !f.IsValid():
		return fmt.Errorf("no such field")
	case rest != "":
		return setPath(f, rest, value)
	case isMode && f.Type() == reflect.TypeFor[agent.PreflightMode]():
		f.Set(reflect.ValueOf(mode))
		return nil
	}
	return setField(f, value)
}
