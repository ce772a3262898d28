// A static provider: answers every POST with the same bytes, as fast as the machine allows.
//
//	provider ADDRESS FILE CONTENT-TYPE
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: provider ADDRESS FILE CONTENT-TYPE")
	}
	body, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	contentType, length := os.Args[3], strconv.Itoa(len(body))
	handler := func(writer http.ResponseWriter, request *http.Request) {
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		header := writer.Header()
		header.Set("Content-Type", contentType)
		header.Set("Content-Length", length)
		if _, err := writer.Write(body); err != nil {
			return
		}
	}
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(handler)))
}
