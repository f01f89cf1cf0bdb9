// The HTTP server of the article: the answer to everything is "ok".
//
// Usage: http PORT [CERTIFICATE KEY]: with these two it speaks TLS, and HTTP/2 to who asks for it.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 2 && len(os.Args) != 4 {
		log.Fatal("usage: http PORT [CERTIFICATE KEY]")
	}
	answer := func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(w, "ok"); err != nil {
			log.Print(err)
		}
	}
	server := http.Server{
		Addr:         "127.0.0.1:" + os.Args[1],
		Handler:      http.HandlerFunc(answer),
		ReadTimeout:  30 * time.Second,
		WriteTimeout: 30 * time.Second,
	}
	if len(os.Args) == 4 {
		log.Fatal(server.ListenAndServeTLS(os.Args[2], os.Args[3]))
	}
	log.Fatal(server.ListenAndServe())
}
