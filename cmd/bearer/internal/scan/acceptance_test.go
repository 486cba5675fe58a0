package scan_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A planting is a repository with keys in all places where they are found.
type planting struct {
	*repository

	keys  map[string]string // where each fingerprint was planted
	texts []string          // of the keys
}

// plant returns a new key, and notes where it is planted.
func (p *planting) plant(where string) string {
	key := newKey([]string{"", "acme", "a_b_c"}[len(p.keys)%3])
	p.keys[fingerprintOf(p.tb, key)] = where
	p.texts = append(p.texts, key)
	return key
}

// plantAll plants a hundred keys, most of them where the working tree has none.
func (p *planting) plantAll() {
	for i := range 30 {
		p.write(fmt.Sprintf("src/%d/config.go", i), "package config\n\nconst key = \""+p.plant("file")+"\"\n")
	}
	p.write("with space/and ü \"quotes\".txt", p.plant("path with spaces"))
	p.write("new\nline\t.txt", p.plant("path with a line end"))
	p.write("-rf", p.plant("path with a hyphen"))
	p.write("binary.bin", "\x00\x01"+p.plant("binary")+"\x00\xff"+strings.Repeat("\x00", 5000)+p.plant("binary"))
	p.write("le.txt", inUTF16("\ufeffkey\n"+p.plant("UTF-16")+"\n", false))
	p.write("be.txt", inUTF16("\ufeffkey\n"+p.plant("UTF-16")+"\n", true))
	p.write("long.js", strings.Repeat("x", 3<<20)+p.plant("long line")+strings.Repeat("y", 1<<20)+p.plant("long line"))
	p.write("border.txt", strings.Repeat("z", 256<<10-20)+p.plant("border"))
	p.write("secret.yaml", "data:\n  key: "+base64.StdEncoding.EncodeToString([]byte(p.plant("base64")))+"\n")
	p.write("page.html", "<a href=\"?k="+strings.ReplaceAll(p.plant("escaped"), "_", "%5F")+"\">x</a>")
	p.write("README.md", "Use "+strings.ReplaceAll(p.plant("escaped"), "_", `\_`)+".")
	p.write("vendor/"+p.plant("name of a file")+".txt", "x")
	p.write(".env", "KEY="+p.plant("hidden file"))
	first := p.commit("Add " + p.plant("message of a commit"))
	for i := range 10 {
		p.write(fmt.Sprintf("gone/%d.txt", i), p.plant("deleted"))
	}
	p.commit("Add more")
	p.git("rm", "-q", "-r", "gone")
	p.write("src/0/config.go", "package config\n\nconst key = \""+p.plant("overwriting")+"\"\n")
	p.commit("Remove them")
	p.plantAside(first)
}

// plantAside plants keys that no file of the branch has had.
func (p *planting) plantAside(first string) {
	p.git("checkout", "-q", "-b", "side", first)
	for i := range 10 {
		p.write(fmt.Sprintf("side%d.txt", i), p.plant("branch"))
	}
	p.commit("Work aside")
	p.git("checkout", "-q", "--detach", first)
	for i := range 5 {
		p.write(fmt.Sprintf("tagged%d.txt", i), p.plant("tag"))
	}
	p.commit("Work for a tag")
	p.git("tag", "lightweight")
	p.git("tag", "-a", "annotated", "-m", "Release "+p.plant("message of a tag"))
	p.git("checkout", "-q", "main")
	p.git("merge", "-q", "--no-ff", "--no-commit", "side")
	for i := range 4 {
		p.write(fmt.Sprintf("merge%d.txt", i), p.plant("merge"))
	}
	p.commit("Merge")
	p.git("rm", "-q", "merge0.txt", "merge1.txt")
	p.commit("Remove them")
	p.git("notes", "add", "-m", p.plant("note"), "HEAD")
	p.git("checkout", "-q", "--orphan", "orphan")
	p.git("rm", "-q", "-r", "-f", ".")
	p.write("orphan.txt", p.plant("branch without a parent"))
	p.commit("Begin again")
	p.git("checkout", "-q", "main")
	p.write("src/1/config.go", p.plant("stash"))
	p.write("stashed.txt", p.plant("stash"))
	p.git("stash", "push", "-q", "-u")
	p.write("src/2/config.go", p.plant("dropped stash"))
	p.git("stash", "push", "-q")
	p.git("stash", "drop", "-q")
	p.write("reset.txt", p.plant("given up"))
	p.commit("A mistake")
	p.git("reset", "-q", "--hard", "HEAD~1")
	p.write("staged.txt", p.plant("staged, then changed"))
	p.git("add", "staged.txt")
	p.write("staged.txt", "nothing")
	p.write(".gitignore", "ignored\n")
	p.write("ignored/local.txt", p.plant("ignored"))
	for i := 0; len(p.keys) < 100; i++ {
		p.write(fmt.Sprintf("untracked/%d.txt", i), p.plant("untracked"))
	}
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// lookAlikes returns texts that look like keys, and are none.
func lookAlikes(n int) []string {
	random := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		text := make([]byte, n)
		for i := range text {
			text[i] = base62[random.IntN(len(base62))]
		}
		return string(text)
	}
	prefix := func() string {
		return []string{"", "acme_", "a_b_c_"}[random.IntN(3)] + []string{"sk", "pk"}[random.IntN(2)] + "_" +
			[]string{"live", "test"}[random.IntN(2)] + "_"
	}
	forms := []func() string{
		func() string { return prefix() + word(8) + "_" + word(30) }, // the form, by chance
		func() string { return prefix() + word(24) },                 // as Stripe's
		func() string { return prefix() + word(99) },                 // as Stripe's newer ones
		func() string { return prefix() + word(8) + "_" + word(20+random.IntN(10)) },
		func() string { return prefix() + word(8) + "_" + word(31+random.IntN(20)) },
		func() string { return word(10) + prefix() + word(8) + "_" + word(30) + word(10) },
		func() string { return base64.StdEncoding.EncodeToString([]byte(prefix() + word(8) + "_" + word(30))) },
		func() string { return inUTF16(prefix()+word(8)+"_"+word(30), false) },
		func() string { // one character is another
			key := []byte(newKey([]string{"", "acme"}[random.IntN(2)]))
			i := len(key) - 1 - random.IntN(38)
			for old := key[i]; key[i] == old; {
				key[i] = base62[random.IntN(len(base62))]
			}
			return string(key)
		},
		func() string { // of another namespace
			return "x" + newKey("acme")[1:]
		},
	}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = forms[i%len(forms)]()
	}
	return texts
}

// Of 100 keys and 10 000 texts that look like keys, the keys are found: in files
// and in the whole history of a repository.
func TestAcceptance(t *testing.T) {
	p := &planting{repository: newRepository(t), keys: map[string]string{}}
	texts := lookAlikes(10_000)
	for i, part := range slices.Collect(slices.Chunk(texts, 100)) {
		p.write(fmt.Sprintf("looks/%d.txt", i), strings.Join(part, "\n")+"\n")
	}
	p.commit("Add what looks like keys")
	p.plantAll()
	require.Len(t, p.keys, 100)

	files := newSearch()
	require.NoError(t, files.Files(context.Background(), p.dir))
	history := p.history()
	found := files.fingerprints()
	maps.Copy(found, history.fingerprints())
	missing := []string{}
	for mark, where := range p.keys {
		if _, has := found[mark]; !has {
			missing = append(missing, where)
		}
		delete(found, mark)
	}
	assert.Empty(t, missing)
	assert.Empty(t, found, "false alarms")
	assert.Empty(t, files.failed)
	shown := fmt.Sprintf("%+v%+v", files.found, history.found)
	for _, text := range p.texts {
		assert.NotContains(t, shown, text[len(text)-30:])
	}
	t.Logf("%d of 100 keys found, %d false alarms, in %d files and %d objects",
		100-len(missing), len(found), files.Stats.Files, history.Stats.Objects)
}

// Each place in the history is told with its path, its line and its oldest commit.
func TestHistoryTellsPlaces(t *testing.T) {
	r := newRepository(t)
	key, other, message := newKey("acme"), newKey(""), newKey("m")
	r.git("config", "core.quotePath", "true")
	r.write("a/old ü.txt", "one\n  "+key+"\n"+key+"\n")
	first := r.commit("Add")
	r.write("a/old ü.txt", "zero\none\n"+key+" changed\n")
	r.commit("Change")
	r.git("mv", "a/old ü.txt", "new.txt")
	moved := r.commit("Move")
	r.git("rm", "-q", "new.txt")
	r.write("b", other)
	last := r.commit("Remove, and say " + message)

	type told struct{ in, path, commit, print string }
	var got []told
	for _, f := range r.history().found {
		got = append(got, told{f.In, f.Path, f.Commit, f.Fingerprint})
		assert.False(t, f.Date.IsZero())
		if f.In == "history" && f.Path != "b" {
			assert.Contains(t, []int64{2, 3}, f.Line)
		}
	}
	assert.ElementsMatch(t, []told{
		{"history", "a/old ü.txt", first, fingerprintOf(t, key)},
		{"history", "new.txt", moved, fingerprintOf(t, key)},
		{"history", "b", last, fingerprintOf(t, other)},
		{"commit message", "", last, fingerprintOf(t, message)},
	}, got)
}

// Nothing that a repository says is executed.
func TestRepositoryExecutesNothing(t *testing.T) {
	r := newRepository(t)
	witness := filepath.Join(t.TempDir(), "executed")
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\necho \"$0 $*\" >>"+witness+"\n"), 0o755))
	r.write("a.txt", newKey(""))
	r.write(".gitattributes", "* diff=evil filter=evil merge=evil textconv=evil\n")
	r.commit("Add")
	hooks := filepath.Join(r.dir, ".git", "hooks")
	for _, hook := range []string{"post-index-change", "pre-commit", "fsmonitor-watchman", "post-checkout", "reference-transaction"} {
		require.NoError(t, os.WriteFile(filepath.Join(hooks, hook), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	for name, value := range map[string]string{
		"core.fsmonitor": script, "core.pager": script, "diff.external": script, "diff.evil.textconv": script,
		"diff.evil.command": script, "filter.evil.smudge": script, "filter.evil.clean": script,
		"filter.evil.process": script, "gpg.program": script, "log.showSignature": "true", "core.sshCommand": script,
		"core.editor": script, "core.askPass": script, "credential.helper": script, "core.alternateRefsCommand": script,
		"remote.origin.url": "ext::" + script, "remote.origin.promisor": "true", "extensions.partialClone": "origin",
		"core.repositoryFormatVersion": "1", "uploadpack.packObjectsHook": script, "alias.rev-list": "!" + script,
	} {
		r.git("config", name, value)
	}
	r.write("b.txt", newKey("acme"))
	staged := newSearch()
	opened, err := scanOpen(r.dir)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(witness)) // what the test itself has executed
	require.NoError(t, staged.Staged(context.Background(), opened))
	assert.NotEmpty(t, r.history().found)
	_, err = os.Stat(witness)
	if !assert.ErrorIs(t, err, os.ErrNotExist) {
		log, _ := os.ReadFile(witness)
		t.Log(string(log))
	}
}
