// Go's net/http as a peer, both roles, over TLS:
//
//	peer CERTIFICATE KEY               serves; what each path does is told in test_peer_servers.py
//	peer client URL CERTIFICATE MODE   asks; prints lines that test_clients.py compares
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) == 3 {
		serve(os.Args[1], os.Args[2])
	} else {
		ask(os.Args[2], os.Args[3], os.Args[4])
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func piece(n int) []byte {
	return []byte(fmt.Sprintf("%08d", n) + strings.Repeat("x", 16376))
}

// --- server

var aborted int32

func serve(certificate, key string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/get", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Many"] = []string{"one", "two"}
		w.Header().Set("content-type", "text/plain")
		io.WriteString(w, "hello")
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		flush(w)
		buffer := make([]byte, 32768)
		for {
			n, err := r.Body.Read(buffer)
			w.Write(buffer[:n])
			flush(w)
			if err != nil {
				break
			}
		}
		sum := r.Trailer.Get("X-Sum")
		if sum == "" {
			sum = "none"
		}
		w.Header().Set(http.TrailerPrefix+"X-Sum", sum)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		for n := 0; n < 128; n++ {
			w.Write(piece(n))
		}
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("link", "</a.css>")
		w.WriteHeader(103)
		w.Header().Set("link", "</b.css>")
		w.WriteHeader(103)
		w.Header().Del("link")
		io.WriteString(w, "hinted")
	})
	mux.HandleFunc("/push", func(w http.ResponseWriter, r *http.Request) {
		if pusher, ok := w.(http.Pusher); ok {
			pusher.Push("/get", nil)
		}
		io.WriteString(w, "of the request")
	})
	mux.HandleFunc("/goaway", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("connection", "close") // to this library: GOAWAY
		for n := 0; n < 128; n++ {
			w.Write(piece(n))
		}
	})
	mux.HandleFunc("/reset", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "part")
		flush(w)
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "part")
		flush(w)
		<-r.Context().Done()
		atomic.StoreInt32(&aborted, 8)
	})
	mux.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(413)
		io.WriteString(w, "too much")
	})
	mux.HandleFunc("/aborted", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, atomic.LoadInt32(&aborted))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
	check(server.ServeTLS(listener, certificate, key))
}

func flush(w http.ResponseWriter) {
	w.(http.Flusher).Flush()
}

// --- client

func ask(url, certificate, mode string) {
	pem, err := os.ReadFile(certificate)
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: true,
	}}
	switch mode {
	case "get":
		r := get(client, url+"/get")
		fmt.Println(r.Proto, r.StatusCode, r.Header["X-Many"], read(r))
	case "stream":
		r := get(client, url+"/stream")
		fmt.Println(r.StatusCode, digest(r.Body))
	case "echo":
		echo(client, url)
	case "hints":
		hints(client, url)
	case "goaway":
		r := get(client, url+"/goaway")
		fmt.Println(r.StatusCode, digest(r.Body))
		fmt.Println(read(get(client, url+"/get")))
	case "reset":
		r := get(client, url+"/reset")
		body, err := io.ReadAll(r.Body)
		fmt.Println(r.StatusCode, string(body), err)
		fmt.Println(read(get(client, url+"/get")))
	case "leave":
		leave(client, url)
	case "early":
		body, writer := io.Pipe()
		go func() {
			for err := error(nil); err == nil; {
				_, err = writer.Write(piece(0))
			}
		}()
		r, err := client.Post(url+"/early", "text/plain", body)
		check(err)
		fmt.Println(r.StatusCode, read(r))
	default:
		log.Fatal("no such mode: ", mode)
	}
}

func get(client *http.Client, url string) *http.Response {
	r, err := client.Get(url)
	check(err)
	return r
}

func read(r *http.Response) string {
	body, err := io.ReadAll(r.Body)
	check(err)
	return string(body)
}

func digest(r io.Reader) string {
	hash := sha256.New()
	_, err := io.Copy(hash, r)
	check(err)
	return fmt.Sprintf("%x", hash.Sum(nil))
}

// Sends piece by piece; each comes back before the next one leaves.
func echo(client *http.Client, url string) {
	body, writer := io.Pipe()
	request, err := http.NewRequest("POST", url+"/echo", body)
	check(err)
	request.Trailer = http.Header{"X-Sum": nil}
	answers := make(chan *http.Response)
	go func() {
		r, err := client.Do(request)
		check(err)
		answers <- r
	}()
	r := <-answers
	same := true
	got := make([]byte, len(piece(0)))
	for n := 0; n < 64; n++ {
		_, err := writer.Write(piece(n))
		check(err)
		_, err = io.ReadFull(r.Body, got)
		check(err)
		same = same && bytes.Equal(got, piece(n))
	}
	request.Trailer.Set("X-Sum", "abc")
	writer.Close()
	rest := read(r)
	fmt.Println(r.StatusCode, same, len(rest), r.Trailer.Get("X-Sum"))
}

func hints(client *http.Client, url string) {
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		fmt.Println(code, header.Get("link"))
		return nil
	}}
	request, err := http.NewRequest("GET", url+"/hints", nil)
	check(err)
	r, err := client.Do(request.WithContext(httptrace.WithClientTrace(context.Background(), trace)))
	check(err)
	fmt.Println(r.StatusCode, read(r))
}

// Leaves in the middle of an answer, then asks what the server saw.
func leave(client *http.Client, url string) {
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, "GET", url+"/endless", nil)
	check(err)
	r, err := client.Do(request)
	check(err)
	_, err = io.ReadFull(r.Body, make([]byte, 4))
	check(err)
	cancel()
	for {
		seen := read(get(client, url+"/aborted"))
		if seen != "0" {
			fmt.Println(seen)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
