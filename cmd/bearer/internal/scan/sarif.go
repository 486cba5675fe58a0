package scan

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// The parts of SARIF 2.1.0 that a report of findings needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		SemanticVersion string      `json:"semanticVersion,omitempty"`
		InformationURI  string      `json:"informationUri"`
		Rules           []sarifRule `json:"rules"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
		Help             sarifText `json:"help"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		Properties          Finding           `json:"properties"`
	}
	sarifLocation struct {
		PhysicalLocation struct {
			ArtifactLocation struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region struct {
				StartLine int64 `json:"startLine"`
			} `json:"region"`
		} `json:"physicalLocation"`
	}
)

// WriteSARIF writes findings as a log of SARIF 2.1.0.
func WriteSARIF(w io.Writer, version string, findings []Finding) error {
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{
		Name:            "bearer",
		SemanticVersion: strings.TrimPrefix(version, "v"),
		InformationURI:  "https://github.com/blockauth/bearer",
	}
	if !strings.HasPrefix(version, "v") {
		run.Tool.Driver.SemanticVersion = "" // built without a version
	}
	for _, kind := range []string{"secret", "publishable"} {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID:               kind + "-key",
			ShortDescription: sarifText{"A " + kind + " API key stands in the text, with a right checksum."},
			Help:             sarifText{"Revoke the key, and make a new one. To remove it from the text is not enough."},
		})
	}
	for _, f := range findings {
		run.Results = append(run.Results, sarifResultOf(f))
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

func sarifResultOf(f Finding) sarifResult {
	r := sarifResult{
		RuleID:              f.Kind + "-key",
		Level:               "error",
		Message:             sarifText{fmt.Sprintf("%s (%s, %s), in: %s", f.Hint, f.Kind, f.Environment, f.Place())},
		PartialFingerprints: map[string]string{"bearerKey/v1": f.Fingerprint},
		Properties:          f,
	}
	if f.Kind != "secret" || f.Environment != "live" {
		r.Level = "warning"
	}
	var l sarifLocation
	l.PhysicalLocation.ArtifactLocation.URI = uriOf(f.artifact())
	l.PhysicalLocation.Region.StartLine = max(f.Line, 1)
	r.Locations = []sarifLocation{l}
	return r
}

// artifact returns the path of what a finding stands in. One without a path has
// that of its object, and standard input a name: code scanning refuses a whole
// log if one result has no location.
func (f Finding) artifact() string {
	switch {
	case f.Path != "":
		return f.Path
	case len(f.Object) > 2:
		return ".git/objects/" + f.Object[:2] + "/" + f.Object[2:]
	}
	return "stdin"
}

// uriOf returns a path as a URI, or a reference that is relative to what was
// searched.
func uriOf(path string) string {
	u := url.URL{Path: filepath.ToSlash(filepath.Clean(path))}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	return u.String()
}
