// Verifies a log's checkpoints and tree with none of postern's own code: golang.org/x/mod/sumdb/note reads the
// signed notes, sumdb/tlog computes the tree over the heads in the .heads files.
//
// usage: verify LOG-FOLDER VERIFIER-KEY
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const headSize, entrySize = 156, 164

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// roots gives the root that each size of the tree has.
func roots(folder string) []tlog.Hash {
	names, err := filepath.Glob(filepath.Join(folder, "segments", "*.heads"))
	if err != nil {
		fail("%v", err)
	}
	sort.Strings(names)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	all := []tlog.Hash{{}}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			fail("%v", err)
		}
		for ; len(data) >= entrySize; data = data[entrySize:] {
			n := int64(len(all) - 1)
			hashes, err := tlog.StoredHashes(n, data[:headSize], reader)
			if err != nil {
				fail("%v", err)
			}
			stored = append(stored, hashes...)
			root, err := tlog.TreeHash(n+1, reader)
			if err != nil {
				fail("%v", err)
			}
			all = append(all, root)
		}
	}
	return all
}

func main() {
	if len(os.Args) != 3 {
		fail("usage: verify LOG-FOLDER VERIFIER-KEY")
	}
	verifier, err := note.NewVerifier(os.Args[2])
	if err != nil {
		fail("%v", err)
	}
	file, err := os.ReadFile(filepath.Join(os.Args[1], "checkpoints"))
	if err != nil {
		fail("%v", err)
	}
	all := roots(os.Args[1])
	// A note is two parts with an empty line between, and an empty line follows it.
	parts := strings.Split(string(file), "\n\n")
	if len(parts) < 3 || len(parts)%2 != 1 {
		fail("the checkpoints file has %d parts", len(parts))
	}
	size := 0
	for i := 0; i+1 < len(parts); i += 2 {
		signed, err := note.Open([]byte(parts[i]+"\n\n"+parts[i+1]+"\n"), note.VerifierList(verifier))
		if err != nil {
			fail("note %d: %v", i/2, err)
		}
		lines := strings.Split(signed.Text, "\n")
		if len(lines) != 4 || lines[0] != verifier.Name() {
			fail("note %d: not a checkpoint", i/2)
		}
		if size, err = strconv.Atoi(lines[1]); err != nil || size >= len(all) {
			fail("note %d: size %s, the log has %d", i/2, lines[1], len(all)-1)
		}
		root, err := base64.StdEncoding.DecodeString(lines[2])
		if err != nil || string(root) != string(all[size][:]) {
			fail("note %d: another root for size %d", i/2, size)
		}
	}
	fmt.Printf("%d checkpoints verified, the last over %d blocks\n", len(parts)/2, size)
}
