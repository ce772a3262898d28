// verify checks a log kept as files (C2SP tlog-tiles) with Go's own checksum-database packages:
// verify VKEY ORIGIN DIRECTORY [START STOP]. It prints what is proven, or ends with status 1 and the
// reason. START and STOP name the entries an exported part of the log holds; the others' hashes come
// from the tiles of level 0.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func refuse(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "refused: "+format+"\n", values...)
	os.Exit(1)
}

func read(directory, name string) []byte {
	data, err := os.ReadFile(filepath.Join(directory, filepath.FromSlash(name)))
	if err != nil {
		refuse("%v", err)
	}
	return data
}

// path is the tile's path in tlog-tiles: Go's own, without the height.
func path(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(strings.Replace(tile.Path(), "tile/8/data", "tile/8/entries", 1), "tile/8/")
}

// checkpoint opens the signed note; every signature line must be canonical base64 too.
func checkpoint(data []byte, vkey, origin string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		refuse("key: %v", err)
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		refuse("checkpoint: %v", err)
	}
	for _, line := range append(opened.Sigs, opened.UnverifiedSigs...) {
		if _, err := base64.StdEncoding.Strict().DecodeString(line.Base64); err != nil {
			refuse("checkpoint: %v", err)
		}
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != origin {
		refuse("checkpoint: of another log than %s", origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		refuse("checkpoint: size %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		refuse("checkpoint: %v", err)
	}
	return tlog.Tree{N: size, Hash: root}
}

// entries splits a bundle of big-endian uint16 length-prefixed entries.
func entries(name string, data []byte, width int) [][]byte {
	var found [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			refuse("%s ends within an entry", name)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		found, data = append(found, data[2:end]), data[end:]
	}
	if len(found) != width {
		refuse("%s has %d entries instead of %d", name, len(found), width)
	}
	return found
}

// leaves gives the leaf hashes of a level-0 tile: from its entries, or without them from the tile itself.
func leaves(directory string, tile tlog.Tile, whole bool) []tlog.Hash {
	var found []tlog.Hash
	if !whole {
		data := read(directory, path(tile))
		if len(data) != tile.W*tlog.HashSize {
			refuse("%s has %d bytes", path(tile), len(data))
		}
		for ; len(data) > 0; data = data[tlog.HashSize:] {
			found = append(found, tlog.Hash(*(*[tlog.HashSize]byte)(data)))
		}
		return found
	}
	bundle := tile
	bundle.L = -1
	for _, entry := range entries(path(bundle), read(directory, path(bundle)), tile.W) {
		found = append(found, tlog.RecordHash(entry))
	}
	return found
}

func main() {
	if len(os.Args) != 4 && len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: verify VKEY ORIGIN DIRECTORY [START STOP]")
		os.Exit(2)
	}
	start, stop := int64(0), int64(1<<62)
	if len(os.Args) == 6 {
		var wrong [2]error
		start, wrong[0] = strconv.ParseInt(os.Args[4], 10, 64)
		stop, wrong[1] = strconv.ParseInt(os.Args[5], 10, 64)
		if wrong[0] != nil || wrong[1] != nil {
			refuse("START and STOP are numbers")
		}
	}
	directory := os.Args[3]
	tree := checkpoint(read(directory, "checkpoint"), os.Args[1], os.Args[2])
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	var tiles []tlog.Tile
	for _, tile := range tlog.NewTiles(8, 0, tree.N) {
		// NewTiles lists every width a partial tile ever had: a log need only keep the present one.
		if tile.W == 256 || tile.N*256+int64(tile.W) == tree.N>>(8*tile.L) {
			tiles = append(tiles, tile)
		}
	}
	for _, tile := range tiles {
		if tile.L != 0 {
			continue
		}
		whole := tile.N*256 < stop && tile.N*256+int64(tile.W) > start
		for i, leaf := range leaves(directory, tile, whole) {
			hashes, err := tlog.StoredHashesForRecordHash(tile.N*256+int64(i), leaf, reader)
			if err != nil {
				refuse("%s: %v", path(tile), err)
			}
			stored = append(stored, hashes...)
		}
	}
	for _, tile := range tiles {
		expected, err := tlog.ReadTileData(tile, reader)
		if err != nil || !bytes.Equal(expected, read(directory, path(tile))) {
			refuse("%s is not what the entries hash to", path(tile))
		}
	}
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil || root != tree.Hash {
		refuse("the tree of %d entries has another root than the checkpoint says", tree.N)
	}
	fmt.Printf("proven: %s, %d entries, root %v\n", os.Args[2], tree.N, root)
}
