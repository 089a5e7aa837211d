-- SPDX-License-Identifier: GPL-2.0
-- | An HTTP service with a green thread for each connection: / greets, /check
-- lets ten thousand green threads, the garbage collector, timers and exceptions
-- at work, /quit ends the program.
module Main (main) where

import Control.Concurrent
import Control.Exception
import Control.Monad
import qualified Data.IORef as Ref
import qualified Data.Map.Strict as Map
import Network.Socket
import System.IO
import System.Mem (performMajorGC)
import System.Timeout (timeout)
import qualified Network.Socket.ByteString as Bytes
import qualified Data.ByteString.Char8 as Char8

-- | Threads that all wait, and then give what they have.
green :: Int -> IO Int
green n = do
  start <- newEmptyMVar
  results <- forM [1 .. n] $ \i -> do
    result <- newEmptyMVar
    _ <- forkIO (readMVar start >> yield >> putMVar result i)
    pure result
  putMVar start ()
  sum <$> mapM takeMVar results

-- | A map that is built anew again and again.
garbage :: Int -> IO Int
garbage rounds = do
  table <- Ref.newIORef Map.empty
  forM_ [1 .. rounds] $ \i ->
    Ref.modifyIORef' table (Map.insert (i `mod` 1000) i)
  performMajorGC
  sum . Map.elems <$> Ref.readIORef table

-- | A loop that allocates is interrupted by a timer.
interrupted :: IO String
interrupted = do
  result <- timeout 20000 (evaluate (length (filter even [1 :: Integer ..])))
  pure (maybe "in time" show result)

caught :: IO String
caught = do
  result <- try (evaluate (1 `div` (0 :: Int)))
  pure (either (\e -> show (e :: ArithException)) show result)

check :: IO String
check = do
  threads <- green 10000
  kept <- garbage 200000
  loop <- interrupted
  zero <- caught
  pure $ unlines
    [ "threads " ++ show threads
    , "kept " ++ show kept
    , "interrupted " ++ loop
    , "exception: " ++ zero
    ]

serve :: MVar () -> Socket -> IO ()
serve quit sock = loop Char8.empty
  where
    end = Char8.pack "\r\n\r\n"
    loop got = do
      let (request, rest) = Char8.breakSubstring end got
      if Char8.null rest
        then do
          more <- Bytes.recv sock 4096
          unless (Char8.null more) $ loop (got <> more)
        else do
          body <- case Char8.words request of
            _ : path : _
              | path == Char8.pack "/check" -> check
              | path == Char8.pack "/quit" -> putMVar quit () >> pure ""
            _ -> pure "hello from Haskell\n"
          Bytes.sendAll sock . Char8.pack $
            "HTTP/1.1 200 OK\r\nContent-Length: " ++ show (length body) ++ "\r\n\r\n" ++ body
          unless (Char8.pack "Connection: close" `Char8.isInfixOf` request) $
            loop (Char8.drop (Char8.length end) rest)

main :: IO ()
main = do
  hSetBuffering stdout LineBuffering
  quit <- newEmptyMVar
  listener <- socket AF_INET Stream defaultProtocol
  setSocketOption listener ReuseAddr 1
  bind listener (SockAddrInet 8080 0)
  listen listener 128
  putStrLn "Haskell listens on port 8080"
  _ <- forkIO . forever $ do
    (sock, _) <- accept listener
    forkFinally (serve quit sock) (\_ -> close sock)
  takeMVar quit
