// witness lets other people's code meet ours: the witness of transparency-dev, its client, and its
// reading of policies and proofs.
//
//	witness serve LOG_VKEY SECRET_KEY ADDRESS   their witness, which keeps its state in memory
//	witness ask URL OLD_SIZE < CHECKPOINT       their client asks a witness, without a proof
//	witness judge POLICY LOG_VKEY CHECKPOINT    their policy says whether a checkpoint is witnessed
//	witness proof RECEIPT LOG_VKEY LEAF_HASH    their reading of a tlog-proof holds it against the checkpoint
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	fproof "github.com/transparency-dev/formats/proof"
	policy "github.com/transparency-dev/formats/witness"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	client "github.com/transparency-dev/witness/client/http"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

func must[T any](value T, err error) T {
	if err != nil {
		refuse(err)
	}
	return value
}

func refuse(reason any) {
	fmt.Fprintln(os.Stderr, "refused:", reason)
	os.Exit(1)
}

func serve(vkey, skey, address string) {
	verifier := must(note.NewVerifier(vkey))
	known := func(_ context.Context, origin string) (note.Verifier, bool, error) {
		return verifier, origin == verifier.Name(), nil
	}
	made := must(witness.New(context.Background(), witness.Opts{
		Persistence:    inmemory.New(),
		Signers:        []note.Signer{must(fnote.NewSignerForCosignatureV1(skey))},
		VerifierForLog: known,
	}))
	listener := must(net.Listen("tcp", address))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(made).AddCheckpoint)
	fmt.Println("serving")
	refuse(http.Serve(listener, mux))
}

func ask(address, old string) {
	made := client.NewWitness(must(url.Parse(address)), http.DefaultClient)
	checkpoint := must(io.ReadAll(os.Stdin))
	lines, size, err := made.Update(context.Background(), must(strconv.ParseUint(old, 10, 64)), checkpoint, nil)
	if err != nil {
		refuse(fmt.Sprintf("%v (size %d)", err, size))
	}
	fmt.Printf("%s", lines)
}

func judge(file, vkey, checkpoint string) {
	data := must(os.ReadFile(checkpoint))
	verifier := must(note.NewVerifier(vkey))
	if _, _, _, err := log.ParseCheckpoint(data, verifier.Name(), verifier); err != nil {
		refuse(err)
	}
	if !must(policy.ParsePolicy(must(os.ReadFile(file)))).Satisfied(data) {
		refuse("the policy is not satisfied")
	}
	fmt.Println("witnessed")
}

func receipt(file, vkey, leaf string) {
	var read fproof.TLogProof
	if err := read.Unmarshal(must(os.ReadFile(file))); err != nil {
		refuse(err)
	}
	verifier := must(note.NewVerifier(vkey))
	checkpoint, _, _, err := log.ParseCheckpoint(read.Checkpoint, verifier.Name(), verifier)
	if err != nil {
		refuse(err)
	}
	hash := must(hex.DecodeString(leaf))
	if read.ExtraData != nil {
		if got := rfc6962.DefaultHasher.HashLeaf(read.ExtraData); string(got) != string(hash) {
			refuse("the entry in the receipt has another hash")
		}
	}
	hashes := make([][]byte, len(read.Hashes))
	for i, item := range read.Hashes {
		hashes[i] = append(make([]byte, 0, sha256.Size), item[:]...)
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, read.Index, checkpoint.Size, hash, hashes, checkpoint.Hash); err != nil {
		refuse(err)
	}
	fmt.Println("included", read.Index)
}

func main() {
	given := os.Args[1:]
	switch {
	case len(given) == 4 && given[0] == "serve":
		serve(given[1], given[2], given[3])
	case len(given) == 3 && given[0] == "ask":
		ask(given[1], given[2])
	case len(given) == 4 && given[0] == "judge":
		judge(given[1], given[2], given[3])
	case len(given) == 4 && given[0] == "proof":
		receipt(given[1], given[2], given[3])
	default:
		fmt.Fprintln(os.Stderr, "usage: witness serve|ask|judge|proof …")
		os.Exit(2)
	}
}
