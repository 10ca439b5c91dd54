// The Go clients: net/http with a body of known bytes, and with a streamed one. The interface is
// described in client.py.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

type job struct {
	ID      int               `json:"id"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Sign    *struct {
		Header, Prefix, Secret string
	} `json:"sign"`
	Body    any     `json:"body"`
	Text    string  `json:"text"`
	PadTo   int     `json:"pad_to"`
	Chunked bool    `json:"chunked"`
	Pause   float64 `json:"pause"`
}

type result struct {
	ID     int    `json:"id"`
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
	Error  string `json:"error,omitempty"`
}

func post(client *http.Client, isStreamed bool, job job) (result, error) {
	body := []byte(job.Text)
	if job.Text == "" {
		var err error
		if body, err = json.Marshal(job.Body); err != nil {
			return result{}, err
		}
	}
	if missing := job.PadTo - len(body); missing > 0 {
		body = append(body, bytes.Repeat([]byte(" "), missing)...)
	}

	var reader io.Reader = bytes.NewReader(body)
	if isStreamed || job.Chunked || job.Pause > 0 {
		pipe, writer := io.Pipe()
		go func() {
			time.Sleep(time.Duration(job.Pause * float64(time.Second)))
			_, err := writer.Write(body)
			writer.CloseWithError(err)
		}()
		reader = pipe
	}
	request, err := http.NewRequest("POST", job.URL, reader)
	if err != nil {
		return result{}, err
	}
	if job.Pause > 0 && !job.Chunked {
		request.ContentLength = int64(len(body))
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range job.Headers {
		request.Header.Set(name, value)
	}
	if job.Sign != nil {
		mac := hmac.New(sha256.New, []byte(job.Sign.Secret))
		mac.Write(body)
		request.Header.Set(job.Sign.Header, job.Sign.Prefix+hex.EncodeToString(mac.Sum(nil)))
	}

	response, err := client.Do(request)
	if err != nil {
		return result{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return result{Status: response.StatusCode, Body: string(text)}, err
}

func main() {
	data, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	var jobs []job
	if err := json.Unmarshal(data, &jobs); err != nil {
		panic(err)
	}
	client := &http.Client{Timeout: 30 * time.Second}
	for _, job := range jobs {
		result, err := post(client, os.Args[1] == "streamed", job)
		if err != nil {
			result.Error = err.Error()
		}
		result.ID = job.ID
		line, _ := json.Marshal(result)
		fmt.Println(string(line))
	}
}
