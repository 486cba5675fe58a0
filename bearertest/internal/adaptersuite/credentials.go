package adaptersuite

import (
	"fmt"
	"slices"
	"strings"
)

// names returns credentialNames as they are spelled, with one of the separators.
func names(prefix string, separators ...string) []string {
	all := slices.Clone(moreCredentialNames)
	for _, first := range credentialNames.first {
		for _, second := range credentialNames.second {
			for _, separator := range separators {
				all = append(all, first+separator+second)
			}
			all = append(all, first+strings.ToUpper(second[:1])+second[1:])
		}
	}
	for i, name := range all {
		all[i] = prefix + name
	}
	return slices.DeleteFunc(all, func(name string) bool { return strings.EqualFold(name, "Authorization") })
}

// together returns requests that have many names at once, each of which has the
// names alone as its parts.
func together(names []string, request func(names []string) row) []row {
	var rows []row
	for group := range slices.Chunk(names, 60) {
		r := request(group)
		r.part = func(i int) row { return request(group[i : i+1]) }
		r.parts = len(group)
		rows = append(rows, r)
	}
	return rows
}

// each formats each of the names.
func each(names []string, format, separator string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf(format, name)
	}
	return strings.Join(parts, separator)
}

// drawCredentials returns requests with a good key where none is looked for.
func drawCredentials() []row {
	var rows []row
	for _, value := range []string{"${admin}", "Bearer ${admin}"} {
		escaped := strings.ReplaceAll(value, " ", "%%20")
		rows = slices.Concat(rows,
			together(names("", "_", "-", ""), func(names []string) row {
				return row{path: "/v1/things?" + each(names, "%s="+escaped, "&")}
			}),
			together(names("", "_", "-", ""), func(names []string) row {
				return row{path: "/v1/things", header: "Cookie: " + each(names, "%s="+escaped, "; ")}
			}),
			together(slices.Concat(names("", "-", ""), names("X-", "-", "")), func(names []string) row {
				return row{path: "/v1/things", header: each(names, "%s: "+value, "\n")}
			}))
	}
	add := func(path string, header string) { rows = append(rows, row{path: path, header: header}) }
	for _, path := range []string{"/${admin}", "/v1/${admin}/things", "/key/${admin}", "/token=${admin}/v1"} {
		add(path, "")
	}
	for _, spelling := range []string{
		"${admin}", "Token ${admin}", "Key ${admin}", "ApiKey ${admin}", "Api-Key ${admin}", "JWT ${token}", "OAuth ${admin}",
		"Token token=${admin}", "Bearer: ${admin}", "Bearer=${admin}", "Bearer,${admin}", "Bearer${admin}",
		"Bearer \"${admin}\"",
		"Bearer ${admin},", "Bearer ${admin} ", "Bearer bearer ${admin}", "bEaReR ${admin}", "Bearer  ${admin}",
		"Bearer ${admin};a=b",
		"Bearer token=${admin}", "Basic ${admin}", "Bearer ${admin}, Basic YTpi", "Basic YTpi, Bearer ${admin}",
		"BearerToken ${admin}",
	} {
		add("/v1/things", "Authorization: "+spelling)
	}
	add("/v1/things", "Authorization: Basic YTpi\nAuthorization: Bearer ${admin}")
	add("/v1/things", "Authorization: Bearer ${admin}\nAuthorization: Basic YTpi")
	add("/v1/things", "Authorization: Bearer ${admin}\nAuthorization: Bearer ${admin}")
	add("/v1/things", "Authorization: Bearer "+strings.Repeat("a", 9000))
	add("/v1/things", "Sec-WebSocket-Protocol: bearer, ${admin}")
	add("/v1/things", "Sec-WebSocket-Protocol: access_token, ${admin}")
	return rows
}

// drawOverrides returns requests that say another method than they have.
func drawOverrides() []row {
	rows := make([]row, 0, 12*len(overrides))
	for _, name := range overrides {
		for _, method := range []string{"PUT", "DELETE", pick("PATCH", "GET", "HEAD", tchars(6))} {
			rows = append(rows,
				row{method: "POST", path: "/v1/${word}?" + name + "=" + method, as: "admin"},
				row{method: "GET", path: "/v1/${word}?" + name + "=" + method, as: "publishable", copies: true},
				row{method: "POST", path: "/v1/${word}", as: "admin", header: name + ": " + method},
				row{method: "GET", path: "/v1/${word}", as: "publishable", header: name + ": " + method, copies: true})
		}
	}
	return rows
}
