// SPDX-License-Identifier: GPL-2.0
/*
 * An HTTP service with a thread for each connection: / greets, /check lets
 * exceptions, threads, streams and the locale at work, /quit ends the program.
 */
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

std::atomic<int> destroyed;

struct guard {
	~guard() { destroyed++; }
};

int thrower(int depth)
{
	guard g;

	if (depth == 0)
		throw std::out_of_range("depth");
	return thrower(depth - 1) + 1;
}

/* Frames unwound, in many threads at once. */
std::string exceptions()
{
	std::vector<std::thread> threads;
	std::atomic<int> caught{0};
	std::ostringstream out;

	destroyed = 0;
	for (int i = 0; i < 8; i++)
		threads.emplace_back([&caught] {
			for (int j = 0; j < 50; j++) {
				try {
					thrower(20);
				} catch (const std::exception &e) {
					caught += !std::strcmp(e.what(), "depth");
				}
			}
		});
	for (auto &t : threads)
		t.join();
	out << "exceptions " << caught << ", destructors " << destroyed << '\n';
	return out.str();
}

std::string futures()
{
	std::mutex mutex;
	std::condition_variable turn;
	std::ostringstream out;
	int next = 0;
	std::vector<std::future<int>> results;

	for (int i = 0; i < 16; i++)
		results.push_back(std::async(std::launch::async, [&, i] {
			std::unique_lock<std::mutex> lock(mutex);

			turn.wait(lock, [&] { return next == i; });
			next++;
			turn.notify_all();
			return i * i;
		}));
	int sum = 0;
	for (auto &r : results)
		sum += r.get();
	out << "futures " << sum << '\n';
	return out.str();
}

std::string streams()
{
	std::map<std::string, int> words;
	std::ostringstream out;
	std::string word;

	std::ofstream("/tmp/words") << "one two two three three three\n";
	std::ifstream in("/tmp/words");
	while (in >> word)
		words[word]++;
	out << "words";
	for (const auto &w : words)
		out << ' ' << w.first << '=' << w.second;
	out << "\nregex " << std::regex_replace("a-b-c", std::regex("-"), "+") << '\n';
	return out.str();
}

std::string privilege()
{
	unsigned int cs;

	asm("mov %%cs, %0" : "=r" (cs));
	return "CPL " + std::to_string(cs & 3) + '\n';
}

void serve(int fd)
{
	std::string request;
	char buffer[4096];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		request.append(buffer, n);
		if (request.find("\r\n\r\n") == std::string::npos)
			continue;
		if (!request.compare(0, 10, "GET /quit "))
			std::exit(0);

		std::string body = "hello from C++\n";
		if (!request.compare(0, 11, "GET /check "))
			body = privilege() + exceptions() + futures() + streams();
		std::ostringstream answer;
		answer << "HTTP/1.1 200 OK\r\nContent-Length: " << body.size() << "\r\n\r\n" << body;
		if (write(fd, answer.str().data(), answer.str().size()) < 0 ||
		    request.find("Connection: close") != std::string::npos)
			break;
		request.clear();
	}
	close(fd);
}

int checked(int ret, const char *what)
{
	if (ret < 0)
		throw std::system_error(errno, std::generic_category(), what);
	return ret;
}

} // namespace

int main()
try {
	int sock = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	sockaddr_in address = {};
	int on = 1;

	address.sin_family = AF_INET;
	address.sin_port = htons(8080);
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	checked(bind(sock, reinterpret_cast<sockaddr *>(&address), sizeof(address)), "bind");
	checked(listen(sock, 128), "listen");
	std::cout << "C++ " << __VERSION__ << " listens on port 8080" << std::endl;
	for (;;)
		std::thread(serve, checked(accept(sock, nullptr, nullptr), "accept")).detach();
} catch (const std::exception &e) {
	std::cerr << e.what() << '\n';
	return 1;
}
