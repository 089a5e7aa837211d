// SPDX-License-Identifier: GPL-2.0

import com.sun.net.httpserver.HttpServer;
import java.lang.management.CompilationMXBean;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * An HTTP service: / greets, /check lets threads, the compilers and the garbage
 * collector at work, /quit ends the program.
 */
public class Server {
	/* Enough rounds to be compiled while it runs. */
	private static long sum(int n)
	{
		long s = 0;

		for (int i = 0; i < n; i++)
			s = (s * 31 + i) % 1000003;
		return s;
	}

	private static long collections()
	{
		long n = 0;

		for (GarbageCollectorMXBean bean : ManagementFactory.getGarbageCollectorMXBeans())
			n += bean.getCollectionCount();
		return n;
	}

	private static String check() throws Exception
	{
		ExecutorService pool = Executors.newFixedThreadPool(8);
		List<Future<Long>> sums = new ArrayList<>();
		CompilationMXBean jit = ManagementFactory.getCompilationMXBean();
		long wanted = sum(200000);
		long before = collections();
		int equal = 0;
		byte[][] kept = new byte[64][];

		for (int i = 0; i < 32; i++)
			sums.add(pool.submit(() -> sum(200000)));
		for (Future<Long> s : sums)
			equal += s.get() == wanted ? 1 : 0;
		pool.shutdown();
		/* More than the heap takes, of which a part stays. */
		for (int i = 0; i < 4000; i++)
			kept[i % kept.length] = new byte[100000];
		return "threads " + equal + "\n" +
			"compiled " + (jit.getTotalCompilationTime() > 0) + "\n" +
			"collections " + (collections() > before) + "\n" +
			"null: " + nullPointer() + "\n" +
			"stack: " + overflow() + "\n";
	}

	/* The JVM takes a null pointer as SIGSEGV, as soon as the code is compiled. */
	private static String nullPointer()
	{
		int caught = 0;

		for (int i = 0; i < 20000; i++) {
			try {
				length(i % 100 == 0 ? null : kept);
			} catch (NullPointerException e) {
				caught++;
			}
		}
		return caught + " caught";
	}

	private static final int[] kept = new int[1];

	private static int length(int[] array)
	{
		return array.length;
	}

	/* A stack overflow is SIGSEGV on a guard page. */
	private static String overflow()
	{
		try {
			return "depth " + depth(0);
		} catch (StackOverflowError e) {
			return "caught";
		}
	}

	private static int depth(int n)
	{
		return depth(n + 1) + 1;
	}

	public static void main(String[] args) throws Exception
	{
		HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);

		server.setExecutor(Executors.newFixedThreadPool(4));
		server.createContext("/", exchange -> {
			String path = exchange.getRequestURI().getPath();
			String text = "hello from Java\n";

			if (path.equals("/quit"))
				System.exit(0);
			try {
				if (path.equals("/check"))
					text = check();
			} catch (Exception e) {
				text = e + "\n";
			}
			byte[] body = text.getBytes();
			exchange.sendResponseHeaders(200, body.length);
			exchange.getResponseBody().write(body);
			exchange.close();
		});
		server.start();
		System.out.println("Java " + System.getProperty("java.version") + " listens on port 8080");
	}
}
