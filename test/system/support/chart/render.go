// Renders a chart with the template engine and the functions that helm has, as far as the chart of this project needs
// them, and prints it as JSON: {"notes": TEXT, "objects": [OBJECT, ...]}. Arguments: the chart, the name of the release,
// and files with values.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func readYaml(file string) map[string]interface{} {
	data, err := os.ReadFile(file)
	if err != nil {
		fatal(err)
	}
	out := map[string]interface{}{}
	if err := yaml.Unmarshal(data, &out); err != nil {
		fatal(err)
	}
	return out
}

func merge(to, from map[string]interface{}) {
	for k, v := range from {
		if m, ok := v.(map[string]interface{}); ok {
			if t, ok := to[k].(map[string]interface{}); ok {
				merge(t, m)
				continue
			}
		}
		to[k] = v
	}
}

func main() {
	chart, name := os.Args[1], os.Args[2]
	values := readYaml(filepath.Join(chart, "values.yaml"))
	for _, f := range os.Args[3:] {
		merge(values, readYaml(f))
	}
	raw := readYaml(filepath.Join(chart, "Chart.yaml"))
	chartInfo := map[string]interface{}{"Name": raw["name"], "Version": raw["version"], "AppVersion": raw["appVersion"]}
	data := map[string]interface{}{
		"Values":  values,
		"Chart":   chartInfo,
		"Release": map[string]interface{}{"Name": name, "Namespace": "mqtt", "Service": "Helm", "IsInstall": true},
	}
	t := template.New("chart").Option("missingkey=zero")
	funcs := sprig.TxtFuncMap()
	funcs["toYaml"] = func(v interface{}) string {
		var b bytes.Buffer
		e := yaml.NewEncoder(&b)
		e.SetIndent(2)
		if err := e.Encode(v); err != nil {
			return ""
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
	funcs["toJson"] = func(v interface{}) string { b, _ := json.Marshal(v); return string(b) }
	funcs["include"] = func(n string, d interface{}) (string, error) {
		var b strings.Builder
		err := t.ExecuteTemplate(&b, n, d)
		return b.String(), err
	}
	funcs["fail"] = func(m string) (string, error) { return "", errors.New(m) }
	t.Funcs(funcs)
	files, _ := filepath.Glob(filepath.Join(chart, "templates", "*"))
	sort.Strings(files)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			fatal(err)
		}
		if _, err := t.New(filepath.Base(f)).Parse(string(text)); err != nil {
			fatal(err)
		}
	}
	var out struct {
		Notes   string        `json:"notes"`
		Objects []interface{} `json:"objects"`
	}
	for _, f := range files {
		base := filepath.Base(f)
		if strings.HasPrefix(base, "_") {
			continue
		}
		var b bytes.Buffer
		if err := t.ExecuteTemplate(&b, base, data); err != nil {
			fatal(err)
		}
		if base == "NOTES.txt" {
			out.Notes = b.String()
			continue
		}
		decoder := yaml.NewDecoder(&b)
		for {
			var object interface{}
			err := decoder.Decode(&object)
			if err == io.EOF {
				break
			}
			if err != nil {
				fatal(fmt.Errorf("%s: %w", base, err))
			}
			if object != nil {
				out.Objects = append(out.Objects, object)
			}
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fatal(err)
	}
}
